-- name: InsertWebhook :one
INSERT INTO refgrow_webhooks (project_id, url, events, status, secret, starts_after, created_at, payout_preferences)
VALUES (@project_id, @url, @events, @status, @secret, @starts_after, @created_at, @payout_preferences)
RETURNING id;

-- name: GetWebhook :one
SELECT * FROM refgrow_webhooks WHERE id = @webhook_id AND project_id = @project_id;

-- name: UpdateWebhook :exec
UPDATE refgrow_webhooks
SET url = @url, events = @events, status = @status, secret = @secret, former_secret = @former_secret, former_until = @former_until,
    starts_after = @starts_after, payout_preferences = @payout_preferences
WHERE id = @webhook_id AND project_id = @project_id;

-- name: DeleteWebhook :exec
DELETE FROM refgrow_webhooks WHERE id = @webhook_id AND project_id = @project_id;

-- name: ListWebhooks :many
SELECT * FROM refgrow_webhooks
WHERE project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountWebhooks :one
SELECT COUNT(*) FROM refgrow_webhooks WHERE project_id = @project_id;

-- name: ListActiveWebhooks :many
SELECT * FROM refgrow_webhooks WHERE project_id = @project_id AND status = 'active' ORDER BY id;

-- What an event says about the affiliate and the customer, for callers that have not
-- read them anyway.
-- name: DescribeParties :one
SELECT a.id AS affiliate_id, a.email AS affiliate_email, a.referral_code AS affiliate_code, a.paypal_email, a.wise_account_id, a.wise_email,
    r.id AS referral_id, r.email AS referral_email
FROM refgrow_projects p
LEFT JOIN refgrow_affiliates a ON a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id
LEFT JOIN refgrow_referrals r ON r.id = CAST(@referral_id AS INTEGER) AND r.project_id = @project_id
WHERE p.id = @project_id;

-- name: InsertEvent :execlastid
INSERT INTO refgrow_events (
    project_id, kind, lane, affiliate_id, affiliate_email, affiliate_code, paypal_email, wise_account_id, wise_email,
    referral_id, referral_email, data, created_at, user_agent)
VALUES (
    @project_id, @kind, @lane, @affiliate_id, @affiliate_email, @affiliate_code, @paypal_email, @wise_account_id, @wise_email,
    @referral_id, @referral_email, @data, @created_at, @user_agent);

-- name: GetEvent :one
SELECT * FROM refgrow_events WHERE id = @event_id AND project_id = @project_id;

-- name: GetLastEventID :one
SELECT CAST(COALESCE(MAX(id), 0) AS INTEGER) AS id FROM refgrow_events WHERE project_id = @project_id;

-- name: GetOutboxPosition :one
SELECT position FROM refgrow_outbox_positions WHERE project_id = @project_id;

-- A project has a position from its first endpoint on.
-- name: BeginOutbox :exec
INSERT INTO refgrow_outbox_positions (project_id, position) VALUES (@project_id, 0) ON CONFLICT (project_id) DO NOTHING;

-- name: MoveOutboxPosition :exec
UPDATE refgrow_outbox_positions SET position = @position WHERE project_id = @project_id;

-- name: ListEventsAfter :many
SELECT id, kind, lane, created_at FROM refgrow_events
WHERE project_id = @project_id AND id > @after_id ORDER BY id LIMIT CAST(@limit AS INTEGER);

-- The projects with events that no deliveries were made from.
-- name: ListProjectsToSpread :many
SELECT o.project_id FROM refgrow_outbox_positions o
WHERE EXISTS (SELECT 1 FROM refgrow_events e WHERE e.project_id = o.project_id AND e.id > o.position) ORDER BY o.project_id;

-- The events of a project in the order of their time.
-- name: ListEventsSince :many
SELECT id, kind, lane, created_at FROM refgrow_events
WHERE project_id = @project_id AND (created_at, id) > (CAST(@after_time AS INTEGER), CAST(@after_id AS INTEGER)) AND id <= @last_id
ORDER BY created_at, id LIMIT CAST(@limit AS INTEGER);

-- What is replayed goes after what happens now, but where it stands in the way of that.
-- name: InsertDelivery :one
INSERT INTO refgrow_deliveries (project_id, webhook_id, event_id, event, lane, status, attempts, next_attempt_at, created_at, replayed)
SELECT CAST(@project_id AS INTEGER), CAST(@webhook_id AS INTEGER), CAST(@event_id AS INTEGER), CAST(@event AS TEXT), CAST(@lane AS INTEGER), 'pending', 0,
    CASE WHEN EXISTS (
        SELECT 1 FROM refgrow_deliveries d
        WHERE d.webhook_id = CAST(@webhook_id AS INTEGER) AND d.lane = CAST(@lane AS INTEGER) AND d.status = 'pending' AND d.next_attempt_at IS NOT NULL
    ) THEN NULL ELSE CAST(@now AS INTEGER) END, CAST(@now AS INTEGER),
    CASE WHEN CAST(@replayed AS INTEGER) = 1 AND NOT EXISTS (
        SELECT 1 FROM refgrow_deliveries d
        WHERE d.webhook_id = CAST(@webhook_id AS INTEGER) AND d.lane = CAST(@lane AS INTEGER) AND d.status = 'pending' AND d.replayed = 0
    ) THEN 1 ELSE 0 END
RETURNING id;

-- What happens now in a lane waits for what is replayed in it, which then has to hurry.
-- name: HurryLane :exec
UPDATE refgrow_deliveries SET replayed = 0
WHERE webhook_id = @webhook_id AND lane = @lane AND status = 'pending' AND replayed = 1 AND +project_id = @project_id;

-- name: IsPending :one
SELECT CAST(CASE WHEN EXISTS (
    SELECT 1 FROM refgrow_deliveries d
    WHERE d.webhook_id = @webhook_id AND d.lane = @lane AND d.event_id = @event_id AND d.event = @event AND d.status = 'pending'
        AND +d.project_id = @project_id
) THEN 1 ELSE 0 END AS INTEGER) AS found;

-- A later event of the lane waits, unless it is under way.
-- name: HoldBack :exec
UPDATE refgrow_deliveries SET next_attempt_at = NULL, leased_until = NULL
WHERE webhook_id = @webhook_id AND lane = @lane AND status = 'pending' AND event_id > @event_id AND +project_id = @project_id
    AND next_attempt_at IS NOT NULL
    AND COALESCE(leased_until, 0) <= CAST(@now AS INTEGER);

-- name: GetDelivery :one
SELECT * FROM refgrow_deliveries WHERE id = @delivery_id AND webhook_id = @webhook_id AND project_id = @project_id;

-- name: ListDeliveries :many
SELECT d.* FROM (
    SELECT x.id FROM refgrow_deliveries x
    WHERE x.webhook_id = (SELECT w.id FROM refgrow_webhooks w WHERE w.id = @webhook_id AND w.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_deliveries d ON d.id = page.id AND d.project_id = @project_id;

-- name: CountDeliveries :one
SELECT COUNT(*) FROM refgrow_deliveries
WHERE webhook_id IN (SELECT w.id FROM refgrow_webhooks w WHERE w.id = @webhook_id AND w.project_id = @project_id)
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT);

-- The active endpoints of all projects; there are only a few.
-- name: ListEndpoints :many
SELECT project_id, id FROM refgrow_webhooks WHERE status = 'active' ORDER BY id;

-- name: GetProjectOfWebhook :one
SELECT project_id FROM refgrow_webhooks WHERE id = @webhook_id;

-- name: ListDueDeliveries :many
SELECT d.id, d.project_id, d.webhook_id, d.event_id, d.event, d.lane, d.attempts, d.failures, d.created_at
FROM refgrow_deliveries d
WHERE +d.project_id = @project_id AND d.webhook_id = @webhook_id AND d.status = 'pending' AND d.replayed = CAST(@replayed AS INTEGER)
    AND d.next_attempt_at <= CAST(@now AS INTEGER) AND COALESCE(d.leased_until, 0) <= CAST(@now AS INTEGER)
ORDER BY d.next_attempt_at, d.id LIMIT CAST(@limit AS INTEGER);

-- name: LeaseDelivery :exec
UPDATE refgrow_deliveries SET leased_until = @leased_until, attempts = attempts + 1 WHERE id = @delivery_id AND project_id = @project_id;

-- name: NextDue :one
SELECT CAST(d.next_attempt_at AS INTEGER) AS next FROM refgrow_deliveries d
WHERE +d.project_id = @project_id AND d.webhook_id = @webhook_id AND d.status = 'pending' AND d.replayed = CAST(@replayed AS INTEGER)
    AND d.next_attempt_at >= 0 AND COALESCE(d.leased_until, 0) <= CAST(@now AS INTEGER)
ORDER BY d.next_attempt_at LIMIT 1;

-- name: RetryDelivery :execrows
UPDATE refgrow_deliveries
SET next_attempt_at = @next_attempt_at, leased_until = NULL, failures = failures + 1, response_status = @response_status, error = @error
WHERE id = @delivery_id AND project_id = @project_id AND status = 'pending' AND attempts = @attempts;

-- A delivery waits while one of an earlier event of its lane is pending.
-- name: WaitBehind :execrows
UPDATE refgrow_deliveries SET next_attempt_at = NULL
WHERE id = CAST(@delivery_id AS INTEGER) AND project_id = @project_id AND EXISTS (
    SELECT 1 FROM refgrow_deliveries d
    WHERE +d.project_id = refgrow_deliveries.project_id AND d.webhook_id = refgrow_deliveries.webhook_id AND d.lane = refgrow_deliveries.lane AND d.status = 'pending'
        AND d.event_id < refgrow_deliveries.event_id);

-- name: EndDelivery :execrows
UPDATE refgrow_deliveries
SET status = @status, next_attempt_at = NULL, leased_until = NULL, response_status = @response_status, error = @error, ended_at = @ended_at
WHERE id = @delivery_id AND project_id = @project_id AND status = 'pending' AND attempts = @attempts;

-- The next one of the lane may go.
-- name: ReleaseNext :exec
UPDATE refgrow_deliveries SET next_attempt_at = CAST(@now AS INTEGER)
WHERE id = (
    SELECT d.id FROM refgrow_deliveries d
    WHERE +d.project_id = @project_id AND d.webhook_id = CAST(@webhook_id AS INTEGER) AND d.lane = CAST(@lane AS INTEGER) AND d.status = 'pending'
    ORDER BY d.event_id, d.id LIMIT 1)
    AND project_id = @project_id AND next_attempt_at IS NULL;

-- name: GetDeliveryOfWorker :one
SELECT event_id, event, lane, created_at FROM refgrow_deliveries WHERE id = @delivery_id AND project_id = @project_id;

-- name: NoteSuccess :exec
UPDATE refgrow_webhooks SET last_success_at = MAX(COALESCE(last_success_at, 0), CAST(@now AS INTEGER))
WHERE id = @webhook_id AND project_id = @project_id;

-- name: SwitchOff :exec
UPDATE refgrow_webhooks SET status = 'inactive' WHERE id = @webhook_id AND project_id = @project_id;

-- name: CancelDeliveries :execrows
UPDATE refgrow_deliveries SET status = 'canceled', next_attempt_at = NULL, leased_until = NULL, ended_at = @ended_at
WHERE +project_id = @project_id AND webhook_id = @webhook_id AND status = 'pending';

-- name: DeleteDeliveriesOf :execrows
DELETE FROM refgrow_deliveries WHERE id IN (
    SELECT x.id FROM refgrow_deliveries AS x WHERE +x.project_id = @project_id AND x.webhook_id = CAST(@webhook_id AS INTEGER)
    ORDER BY x.created_at LIMIT CAST(@at_most AS INTEGER)) AND project_id = @project_id;

-- The oldest rows, if they are old enough.
-- name: PruneEvents :execrows
DELETE FROM refgrow_events WHERE id IN (
    SELECT x.id FROM refgrow_events AS x
    WHERE x.project_id = @project_id ORDER BY x.id LIMIT CAST(@at_most AS INTEGER))
    AND project_id = @project_id AND created_at < CAST(@created_before AS INTEGER);

-- name: PruneDeliveries :execrows
DELETE FROM refgrow_deliveries WHERE id IN (
    SELECT x.id FROM refgrow_deliveries AS x
    WHERE +x.project_id = @project_id AND x.webhook_id = @webhook_id AND x.created_at < CAST(@created_before AS INTEGER) AND x.status <> 'pending'
    ORDER BY x.created_at LIMIT CAST(@at_most AS INTEGER)) AND project_id = @project_id;

-- name: ListWebhookIDs :many
SELECT id FROM refgrow_webhooks WHERE project_id = @project_id ORDER BY created_at;

-- name: ForgetFormerSecrets :exec
UPDATE refgrow_webhooks SET former_secret = NULL, former_until = NULL
WHERE project_id = @project_id AND former_until <= CAST(@now AS INTEGER);

-- The projects with something to prune.
-- name: ListProjectsToPrune :many
SELECT o.project_id FROM refgrow_outbox_positions o
WHERE EXISTS (SELECT 1 FROM refgrow_events e WHERE e.project_id = o.project_id AND e.created_at < CAST(@created_before AS INTEGER))
    OR EXISTS (
        SELECT 1 FROM refgrow_webhooks w WHERE w.project_id = o.project_id AND (
            w.former_until <= CAST(@now AS INTEGER) OR EXISTS (
                SELECT 1 FROM refgrow_deliveries d
                WHERE +d.project_id = w.project_id AND d.webhook_id = w.id AND d.created_at < CAST(@created_before AS INTEGER)
                    AND d.status <> 'pending')))
ORDER BY o.project_id;

-- How many deliveries wait, of all projects, as far as at_most.
-- name: CountWaitingDeliveries :one
SELECT COUNT(*) FROM (SELECT 1 FROM refgrow_deliveries WHERE status = 'pending' LIMIT CAST(@at_most AS INTEGER)) waiting;
