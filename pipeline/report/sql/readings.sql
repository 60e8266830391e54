-- Every reading of every claim, with its evidence and the SQL that gives its figure again.
select * from marts.claim_readings order by claim_id, reading_no
