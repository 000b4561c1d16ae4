-- name: AddToAffiliateDay :exec
INSERT INTO refgrow_affiliate_days AS d (project_id, day, affiliate_id, currency, clicks, signups, purchases, billions, earned)
VALUES (@project_id, @day, @affiliate_id, @currency, @clicks, @signups, @purchases, @billions, @earned)
ON CONFLICT (project_id, day, affiliate_id, currency) DO UPDATE SET
    clicks = d.clicks + excluded.clicks, signups = d.signups + excluded.signups, purchases = d.purchases + excluded.purchases,
    billions = d.billions + excluded.billions, earned = d.earned + excluded.earned;

-- name: AddToProjectDay :exec
INSERT INTO refgrow_project_days AS d (project_id, day, currency, clicks, signups, purchases, billions, earned)
VALUES (@project_id, @day, @currency, @clicks, @signups, @purchases, @billions, @earned)
ON CONFLICT (project_id, day, currency) DO UPDATE SET
    clicks = d.clicks + excluded.clicks, signups = d.signups + excluded.signups, purchases = d.purchases + excluded.purchases,
    billions = d.billions + excluded.billions, earned = d.earned + excluded.earned;

-- name: ListProjectDays :many
SELECT day, currency, clicks, signups, purchases, billions, earned FROM refgrow_project_days
WHERE project_id = @project_id AND day >= @from_day AND day < @to_day
ORDER BY day, currency;

-- Where an affiliate has a row the project has one.
-- name: ListAffiliateDays :many
SELECT a.day, a.currency, a.clicks, a.signups, a.purchases, a.billions, a.earned
FROM refgrow_project_days p
JOIN refgrow_affiliate_days a ON a.project_id = p.project_id AND a.day = p.day AND a.affiliate_id = @affiliate_id AND a.currency = p.currency
WHERE p.project_id = @project_id AND p.day >= @from_day AND p.day < @to_day
ORDER BY p.day, p.currency;

-- name: DeleteAffiliateDays :many
DELETE FROM refgrow_affiliate_days
WHERE project_id = CAST(@project_id AS INTEGER) AND affiliate_id = CAST(@affiliate_id AS INTEGER) AND (day, currency) IN (
    SELECT x.day, x.currency
    FROM refgrow_project_days AS p
    CROSS JOIN refgrow_affiliate_days AS x ON x.project_id = p.project_id AND x.day = p.day AND x.affiliate_id = CAST(@affiliate_id AS INTEGER) AND x.currency = p.currency
    WHERE p.project_id = CAST(@project_id AS INTEGER) LIMIT CAST(@at_most AS INTEGER))
RETURNING day, currency, clicks, signups, purchases, billions, earned;
