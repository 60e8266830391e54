-- This build: the last one that meta.builds knows.
select * from meta.builds order by created_at desc limit 1
