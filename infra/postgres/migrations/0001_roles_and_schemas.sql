-- Two worlds side by side: who people are (identity, the gateway's) and what jobs look like (the projector's).

REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- Identity: tables are made by migrations, rows by the gateway; nobody else sees them.
CREATE SCHEMA identity;
REVOKE ALL ON SCHEMA identity FROM PUBLIC;
GRANT USAGE ON SCHEMA identity TO jobstream_gateway;
ALTER DEFAULT PRIVILEGES IN SCHEMA identity GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO jobstream_gateway;
ALTER DEFAULT PRIVILEGES IN SCHEMA identity GRANT USAGE ON SEQUENCES TO jobstream_gateway;
ALTER DEFAULT PRIVILEGES IN SCHEMA identity GRANT EXECUTE ON FUNCTIONS TO jobstream_gateway;

-- Projection: the projector's bookkeeping. It makes its own read-model schemas (one per build of the models),
-- and whatever it makes there the gateway may read, never write.
CREATE SCHEMA projection AUTHORIZATION jobstream_projector;
GRANT USAGE ON SCHEMA projection TO jobstream_gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE jobstream_projector GRANT USAGE ON SCHEMAS TO jobstream_gateway;
ALTER DEFAULT PRIVILEGES FOR ROLE jobstream_projector GRANT SELECT ON TABLES TO jobstream_gateway;
