-- Who people are: the one thing that is not an event. Nothing here holds a password or a token, only what recognises one.

CREATE TABLE identity.users (
    id            uuid        PRIMARY KEY,
    email         text        NOT NULL,            -- as it was typed
    email_key     text        NOT NULL UNIQUE,     -- case-folded: the same address in any case is the same account
    name          text        NOT NULL,
    password_hash text        NOT NULL,            -- Argon2id with its salt and parameters
    created_at    timestamptz NOT NULL
);

-- A family of refresh tokens: everything that came from one sign-in.
CREATE TABLE identity.sessions (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES identity.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz                         -- signed out, or a used token was used again
);
CREATE INDEX sessions_of_user ON identity.sessions (user_id);

CREATE TABLE identity.refresh_tokens (
    digest     bytea       PRIMARY KEY,            -- SHA-256 of the token
    session_id uuid        NOT NULL REFERENCES identity.sessions ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz                         -- exchanged for its successor
);
CREATE INDEX refresh_tokens_of_session ON identity.refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expired ON identity.refresh_tokens (expires_at);

-- How often somebody tried, by account or address (as a digest): failures to sign in, and registrations.
CREATE TABLE identity.attempts (
    key         bytea       PRIMARY KEY,
    count       integer     NOT NULL,
    window_ends timestamptz NOT NULL
);
CREATE INDEX attempts_over ON identity.attempts (window_ends);
