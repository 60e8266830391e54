-- Who owns the macro series, as stated in the warehouse.
select licence, count(*) as series, string_agg(series_id, ', ' order by series_id) as series_ids
from core.series
where observations > 0
group by licence
order by series desc, licence
