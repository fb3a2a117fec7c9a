#!/bin/sh
# Run once by the PostgreSQL image, on an empty data folder: the role that owns Ledger's database. It is no superuser,
# so that row-level security holds it too. `manage.py prepare_database` creates the other roles.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$LEDGER_OWNER_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE ledger_owner LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE ledger OWNER ledger_owner;
-- For pg_dump; it cannot log in before it is given a password. Only a superuser may create it.
CREATE ROLE ledger_backup LOGIN BYPASSRLS;
GRANT pg_read_all_data TO ledger_backup;
SQL
