-- What the gateway's and the reconciler's queries need beyond the primary keys. Kept apart from the tables, since a rebuild fills
-- first and indexes afterwards.
CREATE INDEX jobs_newest ON jobs (owner_id, created_at DESC, id DESC);
CREATE INDEX jobs_by_status ON jobs (owner_id, status, created_at DESC, id DESC);
CREATE INDEX jobs_by_kind ON jobs (owner_id, kind, created_at DESC, id DESC);
CREATE INDEX jobs_to_do ON jobs (id) WHERE needs IS NOT NULL;
CREATE INDEX jobs_with_children ON jobs (id) WHERE children_open > 0;
CREATE INDEX jobs_by_parent ON jobs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX apps_newest ON apps (owner_id, created_at DESC, id DESC);
CREATE INDEX approvals_open ON approvals (owner_id, requested_at DESC) WHERE decision = 'open';
CREATE INDEX simulation_jobs_newest ON simulation_jobs (user_id, created_at DESC, job_id DESC);
CREATE INDEX profiles_newest ON profiles (owner_id, created_at DESC, id DESC);
CREATE INDEX timers_due ON timers (due) WHERE open;

-- `q` looks for a part of the prompt; without the extension it reads the owner's jobs newest first.
DO $$
DECLARE home text;
BEGIN
    SELECT n.nspname INTO home FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF home IS NOT NULL THEN
        EXECUTE format('CREATE INDEX jobs_prompt ON jobs USING gin (prompt %I.gin_trgm_ops)', home);
    END IF;
END
$$;
