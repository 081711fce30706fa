-- The read models: plain tables, a pure function of the log. No name is qualified: the projector creates them in whatever
-- schema it fills (`read`, or one that will be swapped in as `read`). Raise MODEL_VERSION in model.py with every change here.
-- JSON is `json`, not `jsonb`: the text is kept exactly as it stands in the log, which may hold what jsonb refuses (\u0000).
-- Only `simulation_jobs` has jsonb, since that table is there to be queried: in it \u0000 has become \ufffd.

-- How far this generation has got: one row, moved by compare-and-set in the transaction that writes the rows.
-- Every release reads this table of every other one: its columns stay as they are.
CREATE TABLE position (
    singleton     boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    generation    uuid        NOT NULL,            -- this filling of the tables: a rebuild makes another
    model_version integer     NOT NULL,            -- MODEL_VERSION of the code that made the tables
    incarnation   text        NOT NULL,            -- when the stream EVENTS was created: another time is another log
    sequence      bigint      NOT NULL,            -- of the last event applied
    moved_at      timestamptz NOT NULL DEFAULT now()
);

-- Aggregates with an event that could not be applied; their later events are held back until it can be.
CREATE TABLE parked (
    stream     text        PRIMARY KEY,            -- `<owner>.<id>`, or the whole subject where that is malformed
    job_id     uuid,                               -- of the job, or whatever else the id stands for
    owner_id   uuid,
    sequence   bigint      NOT NULL,               -- the place in EVENTS of the event that stopped it
    version    integer,
    type       text        NOT NULL,
    schema     integer     NOT NULL,
    reason     text        NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
    id                   uuid        PRIMARY KEY,
    owner_id             uuid        NOT NULL,
    kind                 text        NOT NULL,
    initial_prompt       text        NOT NULL,
    prompt               text        NOT NULL,
    talks                boolean     NOT NULL,
    request              json        NOT NULL,     -- `null` where there is none
    approvals            json        NOT NULL,     -- names, an array
    requirements_summary text,
    status               text        NOT NULL,
    error_code           text,
    error_message        text,
    failed_step          text,
    result               json        NOT NULL,     -- what the workflow returned, `null` before
    version              integer     NOT NULL,
    sequence             bigint      NOT NULL,     -- of the last event in EVENTS
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    attempt              integer,                  -- of the worker that holds the job, null where none does
    worker               text,
    attempts             integer     NOT NULL,
    prompt_tokens        bigint      NOT NULL,     -- of all model calls
    completion_tokens    bigint      NOT NULL,
    parent_id            uuid,                     -- of the owner's job whose workflow made this one
    children_open        integer     NOT NULL,     -- jobs this one has made and does not know the end of
    waiting              json,                     -- {for: agent|user|runner|worker|approval|timer|signal|child, since, ...}; null once ended
    needs                text,                     -- the service that has something to do now: agents, runner or null
    fold                 json        NOT NULL      -- what else the next event must know; nobody else's business
) WITH (fillfactor = 80);

CREATE TABLE job_events (
    job_id         uuid        NOT NULL,
    version        integer     NOT NULL,
    sequence       bigint      NOT NULL,
    owner_id       uuid        NOT NULL,
    id             uuid        NOT NULL,
    type           text        NOT NULL,
    schema         integer     NOT NULL,           -- of `data` as it was stored; decode with libs.jobs.events.EVENTS
    time           timestamptz NOT NULL,
    correlation_id uuid,
    causation_id   uuid,
    data           json        NOT NULL,           -- the payload, byte for byte
    PRIMARY KEY (job_id, version)
);

CREATE TABLE job_steps (
    job_id           uuid        NOT NULL,
    "order"          integer     NOT NULL,
    owner_id         uuid        NOT NULL,
    id               uuid        NOT NULL,
    name             text        NOT NULL,
    agent_name       text        NOT NULL,
    message          text        NOT NULL,
    attempt          integer     NOT NULL,
    tries            integer     NOT NULL,
    duration_seconds double precision NOT NULL,
    stream           text,
    usage            json,                         -- {model, prompt_tokens, completion_tokens, latency_seconds}
    version          integer     NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (job_id, "order")
);

CREATE TABLE job_messages (
    job_id     uuid        NOT NULL,
    version    integer     NOT NULL,               -- orders them: oldest first
    owner_id   uuid        NOT NULL,
    id         uuid        NOT NULL,
    role       text        NOT NULL,               -- user, agent or system
    sender     text        NOT NULL,
    content    text        NOT NULL,
    metadata   json        NOT NULL,
    stream     text,
    usage      json,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, version)
);

CREATE TABLE apps (
    job_id     uuid        PRIMARY KEY,
    id         uuid        NOT NULL UNIQUE,
    owner_id   uuid        NOT NULL,
    spec       json        NOT NULL,
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE approvals (
    job_id       uuid        NOT NULL,
    version      integer     NOT NULL,             -- the `approval_version` to answer with
    owner_id     uuid        NOT NULL,
    id           uuid        NOT NULL,             -- of the event that asked
    name         text        NOT NULL,
    summary      text        NOT NULL,
    decision     text        NOT NULL,             -- open, granted or rejected
    comment      text        NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_at   timestamptz,
    PRIMARY KEY (job_id, version)
);

CREATE TABLE timers (
    job_id   uuid        NOT NULL,
    name     text        NOT NULL,                 -- `<name>` of a sleep, `signal-<name>` of a wait that runs out
    owner_id uuid        NOT NULL,
    due      timestamptz NOT NULL,
    open     boolean     NOT NULL,                 -- it may still fire
    set_at   timestamptz NOT NULL,
    fired_at timestamptz,
    PRIMARY KEY (job_id, name)
);

CREATE TABLE artifacts (
    job_id     uuid        NOT NULL,
    name       text        NOT NULL,
    owner_id   uuid        NOT NULL,
    media_type text        NOT NULL,
    size       bigint      NOT NULL,
    digest     text        NOT NULL,
    object     text        NOT NULL,
    version    integer     NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, name)
);

-- Jobs of the kinds simulation, comparison and sweep, in the columns that other tools know. Everything else about them is in `jobs`.
CREATE TABLE simulation_jobs (
    job_id       uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL,
    status       text        NOT NULL,
    request_data jsonb       NOT NULL,             -- the request as the user sent it
    result_data  jsonb,                            -- null until there is a result
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL
);

-- A user's own profiles; the defaults are no rows. A name stands for one profile of its owner and type: `id` follows from them.
CREATE TABLE profiles (
    id           uuid        PRIMARY KEY,
    owner_id     uuid        NOT NULL,
    profile_type text        NOT NULL,
    name         text        NOT NULL,
    data         json        NOT NULL,
    version      integer     NOT NULL,             -- of its last event
    sequence     bigint      NOT NULL,             -- of that event in EVENTS
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL              -- when it was last changed
);

-- Where the history of a deleted profile stands, which goes on if one of the same name is made again.
CREATE TABLE deleted_profiles (
    id         uuid        PRIMARY KEY,
    owner_id   uuid        NOT NULL,
    version    integer     NOT NULL,
    sequence   bigint      NOT NULL,
    deleted_at timestamptz NOT NULL
);
