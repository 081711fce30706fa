"""The chat model: a port, an adapter to every OpenAI-compatible server, and a built-in offline model.
It reads settings and the messages it is handed, writes nothing but metrics, and knows no job.
It promises one reply or one `ModelError` per call, never a retry: whoever asks decides about asking again."""
