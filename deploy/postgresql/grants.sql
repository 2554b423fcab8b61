-- What the role of a running registry may do: add decisions, never change one.
-- Let the owner of the database start the registry once, so that the tables are made. Then, as the
-- owner, in the schema of the registry:
--     psql -v role=deciding -f grants.sql DATABASE
-- and put that role into `database` of config.toml. The tables' own triggers refuse changes even to
-- the owner; this keeps the service from dropping them.
GRANT SELECT, INSERT ON decision, log_entry, identity, archive TO :role;
GRANT SELECT, INSERT, UPDATE ON meta TO :role;
