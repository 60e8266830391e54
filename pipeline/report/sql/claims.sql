-- Every claim with its verdict.
select * from marts.claims order by article, claim_no
