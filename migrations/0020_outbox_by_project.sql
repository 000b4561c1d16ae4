-- Each project with an endpoint has its own position in the outbox: where one stands says nothing about the others.
CREATE TABLE refgrow_outbox_positions (
    project_id INTEGER PRIMARY KEY REFERENCES refgrow_projects (id),
    position   INTEGER NOT NULL
) STRICT;

INSERT INTO refgrow_outbox_positions (project_id, position)
SELECT p.id, (SELECT o.position FROM refgrow_outbox o) FROM refgrow_projects p
WHERE EXISTS (SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = p.id)
    OR EXISTS (SELECT 1 FROM refgrow_events e WHERE e.project_id = p.id);

DROP TABLE refgrow_outbox;

CREATE INDEX refgrow_events_by_project ON refgrow_events (project_id, id);

INSERT INTO refgrow_migrations (version, applied_at) VALUES (20, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
