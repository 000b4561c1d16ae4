-- An email has one form, and the app's own names have no blanks around them. What is from
-- before that the engine brings to the form, which it knows: here is what can differ.
CREATE TABLE refgrow_old_names (
    id            INTEGER PRIMARY KEY,
    project_id    INTEGER NOT NULL,
    affiliate_id  INTEGER,
    referral_id   INTEGER,
    conversion_id INTEGER,
    CHECK ((affiliate_id IS NOT NULL) + (referral_id IS NOT NULL) + (conversion_id IS NOT NULL) = 1)
) STRICT;

CREATE INDEX refgrow_old_names_by_project ON refgrow_old_names (project_id, id);

INSERT INTO refgrow_old_names (project_id, affiliate_id)
SELECT project_id, id FROM refgrow_affiliates
WHERE deleted_at IS NULL AND (email GLOB '*[^ -~]*' OR email LIKE '%@xn--%' OR email LIKE '%.xn--%')
ORDER BY id;

INSERT INTO refgrow_old_names (project_id, referral_id)
SELECT project_id, id FROM refgrow_referrals
WHERE email GLOB '*[^ -~]*' OR email LIKE '%@xn--%' OR email LIKE '%.xn--%'
    OR external_id GLOB '[^!-~]*' OR external_id GLOB '*[^!-~]'
ORDER BY id;

INSERT INTO refgrow_old_names (project_id, conversion_id)
SELECT project_id, id FROM refgrow_conversions
WHERE reference GLOB '[^!-~]*' OR reference GLOB '*[^!-~]'
ORDER BY id;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (16, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;
