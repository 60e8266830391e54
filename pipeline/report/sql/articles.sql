-- Every article of the ledger, with its claims by verdict.
select * from marts.claim_articles order by published_at, article
