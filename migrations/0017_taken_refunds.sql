-- What a refund with a reference has taken is 1 for the whole of a free sale, and less where something was undone
-- without naming it: the latest refunds first. A check cannot be changed, so refunds move to a new table.
CREATE TABLE refgrow_former_refunds AS
SELECT f.*, MAX(c.refunded, c.reversed) AS given, CASE c.reversed WHEN 1 THEN 1 ELSE f.taken END AS took
FROM refgrow_refunds f JOIN refgrow_conversions c ON c.id = f.conversion_id;
DROP TABLE refgrow_refunds;

CREATE TABLE refgrow_refunds (
    conversion_id INTEGER NOT NULL REFERENCES refgrow_conversions (id),
    reference     TEXT NOT NULL,
    project_id    INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    taken         INTEGER NOT NULL CHECK (taken BETWEEN 0 AND 9000000000000000),
    created_at    INTEGER NOT NULL,
    undone_at     INTEGER,
    PRIMARY KEY (conversion_id, reference)
) STRICT, WITHOUT ROWID;

INSERT INTO refgrow_refunds (conversion_id, reference, project_id, amount, taken, created_at, undone_at)
SELECT conversion_id, reference, project_id, amount, MAX(0, MIN(took, given - earlier)), created_at, undone_at
FROM (
    SELECT *, SUM(took) OVER (PARTITION BY conversion_id ORDER BY created_at, reference) - took AS earlier
    FROM refgrow_former_refunds WHERE undone_at IS NULL
)
UNION ALL
SELECT conversion_id, reference, project_id, amount, taken, created_at, undone_at
FROM refgrow_former_refunds WHERE undone_at IS NOT NULL;
DROP TABLE refgrow_former_refunds;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (17, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
