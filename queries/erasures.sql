-- What is being erased, or deleted, and how far that has come.
-- name: InsertErasure :execlastid
INSERT INTO refgrow_erasures (project_id, affiliate_id, referral_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
SELECT CAST(@project_id AS INTEGER), CAST(sqlc.narg(affiliate_id) AS INTEGER), CAST(sqlc.narg(referral_id) AS INTEGER), CAST(@deletes AS INTEGER),
    CAST(@names AS TEXT), CAST(@part AS TEXT), -9223372036854775807, 0,
    COALESCE((SELECT MAX(a.id) FROM refgrow_idempotency a), 0), COALESCE((SELECT MAX(e.id) FROM refgrow_events e), 0), CAST(@created_at AS INTEGER);

-- name: GetErasure :one
SELECT * FROM refgrow_erasures WHERE id = @erasure_id AND project_id = @project_id;

-- name: MoveErasure :exec
UPDATE refgrow_erasures SET part = @part, mark_time = @mark_time, mark = @mark, names = @names WHERE id = @erasure_id AND project_id = @project_id;

-- name: ListErasures :many
SELECT * FROM refgrow_erasures ORDER BY id;

-- What it kept of the names is overwritten before the row goes.
-- name: EmptyErasure :exec
UPDATE refgrow_erasures SET names = '' WHERE id = @erasure_id AND project_id = @project_id;

-- name: DeleteErasure :exec
DELETE FROM refgrow_erasures WHERE id = @erasure_id AND project_id = @project_id;

-- Codes that stay in use although nothing keeps them: those of a deleted affiliate for a
-- while, from deleted_at on.
-- name: RetireCode :exec
INSERT INTO refgrow_retired_codes (project_id, hash, affiliate_id, deleted_at) VALUES (@project_id, @hash, @affiliate_id, @deleted_at)
ON CONFLICT (project_id, hash) DO UPDATE SET affiliate_id = excluded.affiliate_id, deleted_at = excluded.deleted_at;

-- name: GetRetiredCode :one
SELECT affiliate_id, deleted_at FROM refgrow_retired_codes WHERE project_id = @project_id AND hash = @hash;

-- name: PruneRetiredCodes :exec
DELETE FROM refgrow_retired_codes
WHERE project_id = @project_id AND hash IN (
    SELECT x.hash FROM refgrow_retired_codes AS x
    WHERE x.project_id = CAST(@project_id AS INTEGER) AND x.deleted_at < CAST(@deleted_before AS INTEGER)
    ORDER BY x.deleted_at LIMIT CAST(@at_most AS INTEGER));

-- name: ListCodesOf :many
SELECT code FROM refgrow_codes WHERE affiliate_id = @affiliate_id AND project_id = @project_id;

-- A customer who was merged into another one: what names the former is of the latter.
-- name: NoteMerged :exec
INSERT INTO refgrow_merged_referrals (referral_id, project_id, into_id) VALUES (@referral_id, @project_id, @into_id)
ON CONFLICT (referral_id) DO UPDATE SET into_id = excluded.into_id;

-- name: MoveMerged :exec
UPDATE refgrow_merged_referrals SET into_id = CAST(@into_id AS INTEGER)
WHERE into_id = CAST(@referral_id AS INTEGER) AND project_id = @project_id;

-- name: ListMergedInto :many
SELECT referral_id FROM refgrow_merged_referrals WHERE into_id = @into_id AND project_id = @project_id ORDER BY referral_id;

-- name: GetMerged :one
SELECT into_id FROM refgrow_merged_referrals WHERE referral_id = @referral_id AND project_id = @project_id;

-- Whose a conversion was that is being deleted, and whose entries have notes.
-- name: NoteDeletedConversion :exec
INSERT INTO refgrow_deleted_conversions (conversion_id, project_id, referral_id) VALUES (@conversion_id, @project_id, @referral_id);

-- The same of the next conversions of an affiliate that is being deleted, as far as entries
-- of them in other accounts have notes.
-- name: NoteDeletedConversionsOf :exec
INSERT INTO refgrow_deleted_conversions (conversion_id, project_id, referral_id)
SELECT c.id, c.project_id, c.referral_id FROM refgrow_conversions c
WHERE c.referral_id IS NOT NULL AND +c.project_id = CAST(@project_id AS INTEGER) AND c.id IN (
    SELECT x.id FROM refgrow_conversions AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
    AND EXISTS (SELECT 1 FROM refgrow_ledger_entries e
        WHERE e.conversion_id = c.id AND e.note IS NOT NULL AND e.affiliate_id <> CAST(@affiliate_id AS INTEGER));

-- name: MoveDeletedConversions :exec
UPDATE refgrow_deleted_conversions SET referral_id = CAST(@into_id AS INTEGER)
WHERE referral_id = CAST(@referral_id AS INTEGER) AND +project_id = @project_id;

-- name: ListDeletedConversions :many
SELECT conversion_id FROM refgrow_deleted_conversions
WHERE referral_id = @referral_id AND +project_id = @project_id ORDER BY conversion_id LIMIT CAST(@at_most AS INTEGER);

-- Those of the next customers of an affiliate.
-- name: ListDeletedConversionsOf :many
SELECT d.conversion_id FROM refgrow_deleted_conversions d
WHERE +d.project_id = CAST(@project_id AS INTEGER) AND d.referral_id IN (
    SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
LIMIT CAST(@at_most AS INTEGER);

-- name: DeleteDeletedConversions :exec
DELETE FROM refgrow_deleted_conversions
WHERE conversion_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- The last one of the next conversions of the project, by time.
-- name: PassConversions :one
SELECT c.created_at, c.id FROM refgrow_conversions c
WHERE c.project_id = @project_id AND (c.created_at, c.id) > (CAST(@after_time AS INTEGER), CAST(@after_id AS INTEGER))
ORDER BY c.created_at, c.id LIMIT 1 OFFSET CAST(@rows AS INTEGER);

-- Conversions in which one of the codes may be, in any of the places that keep codes.
-- name: FindConversionsNaming :many
SELECT c.* FROM refgrow_conversions c
WHERE c.project_id = @project_id AND (c.created_at, c.id) > (CAST(@after_time AS INTEGER), CAST(@after_id AS INTEGER))
    AND (c.created_at, c.id) <= (CAST(@to_time AS INTEGER), CAST(@to_id AS INTEGER)) AND EXISTS (
    SELECT 1 FROM json_each(CAST(@codes AS TEXT)) j
    WHERE instr(lower(c.candidates || ' ' || COALESCE(c.referral_code, '') || ' ' || COALESCE(c.coupon_code, '') || ' ' || COALESCE(c.url, '')), j.value) > 0)
ORDER BY c.created_at, c.id LIMIT CAST(@at_most AS INTEGER);

-- Of a customer's conversions those in which one of the names may be as a code.
-- name: FindConversionsNamingCustomer :many
SELECT c.* FROM refgrow_conversions c
WHERE c.id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +c.project_id = @project_id AND EXISTS (
    SELECT 1 FROM json_each(CAST(@names AS TEXT)) j
    WHERE instr(lower(c.candidates || ' ' || COALESCE(c.referral_code, '') || ' ' || COALESCE(c.coupon_code, '')), j.value) > 0);

-- The same of the next customers of an affiliate, with their names.
-- name: FindConversionsNamingCustomersOf :many
SELECT sqlc.embed(c), r.email AS customer_email, r.external_id AS customer_external_id
FROM refgrow_referrals r JOIN refgrow_conversions c ON c.referral_id = r.id
WHERE +r.project_id = CAST(@project_id AS INTEGER) AND r.id IN (
    SELECT x.id FROM refgrow_referrals AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.created_at, x.id LIMIT CAST(@at_most AS INTEGER))
    AND (c.coupon_code IS NOT NULL OR c.referral_code IS NOT NULL OR instr(c.candidates, '"code"') > 0)
    AND (instr(c.candidates || ' ' || COALESCE(c.referral_code, '') || ' ' || COALESCE(c.coupon_code, ''), '@') > 0
        OR instr(lower(COALESCE(c.referral_code, '') || ' ' || COALESCE(c.coupon_code, '')), lower(r.external_id)) > 0
        OR EXISTS (SELECT 1 FROM refgrow_external_ids e WHERE e.referral_id = r.id
            AND instr(lower(COALESCE(c.referral_code, '') || ' ' || COALESCE(c.coupon_code, '')), lower(e.external_id)) > 0));

-- name: RenameInConversion :exec
UPDATE refgrow_conversions SET candidates = @candidates, referral_code = @referral_code, coupon_code = @coupon_code, url = @url
WHERE id = @conversion_id AND project_id = @project_id;

-- Claims that name one of the codes or emails, or a customer of the affiliate.
-- name: FindClaimsNaming :many
SELECT k.email FROM refgrow_claims k
WHERE k.project_id = CAST(@project_id AS INTEGER) AND (
    lower(k.code) IN (SELECT value FROM json_each(CAST(@codes AS TEXT)))
    OR k.email IN (SELECT value FROM json_each(CAST(@emails AS TEXT)))
    OR EXISTS (SELECT 1 FROM refgrow_referrals r
        WHERE r.project_id = CAST(@project_id AS INTEGER) AND r.email = k.email AND r.affiliate_id = CAST(@customers_of AS INTEGER)))
ORDER BY k.email LIMIT CAST(@at_most AS INTEGER);

-- name: ListAnswersBetween :many
SELECT id, body FROM refgrow_idempotency
WHERE id > CAST(@after_id AS INTEGER) AND id <= CAST(@to_id AS INTEGER) AND +project_id = @project_id AND status >= 0
ORDER BY id LIMIT CAST(@at_most AS INTEGER);

-- name: LastAnswerID :one
SELECT CAST(COALESCE(MAX(id), 0) AS INTEGER) AS id FROM refgrow_idempotency;

-- name: EraseAnswers :exec
UPDATE refgrow_idempotency SET status = CAST(@status AS INTEGER), body = X''
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- Events that are about the affiliate or one of the customers, or about a customer of a
-- deleted affiliate, who may be gone by now; a customer who was merged is the one into
-- whom. And those in whose data one of the words is: these may name the person.
-- name: FindEventsNaming :many
SELECT e.id, e.lane, e.data, CAST(CASE WHEN
    e.affiliate_id = CAST(@affiliate_id AS INTEGER)
    OR e.referral_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@referral_ids AS TEXT)))
    OR EXISTS (SELECT 1 FROM refgrow_referrals r WHERE r.id = COALESCE((SELECT m.into_id FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id), e.referral_id) AND r.affiliate_id = CAST(@customers_of AS INTEGER))
    OR (e.id > CAST(@gone_after AS INTEGER) AND e.referral_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM refgrow_referrals r WHERE r.id = COALESCE((SELECT m.into_id FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id), e.referral_id)))
    THEN 1 ELSE 0 END AS INTEGER) AS party
FROM refgrow_events e
WHERE e.id > CAST(@after_id AS INTEGER) AND e.id <= CAST(@to_id AS INTEGER) AND +e.project_id = CAST(@project_id AS INTEGER)
    AND e.kind <> 'erased' AND (
    e.affiliate_id = CAST(@affiliate_id AS INTEGER)
    OR e.referral_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@referral_ids AS TEXT)))
    OR EXISTS (SELECT 1 FROM refgrow_referrals r WHERE r.id = COALESCE((SELECT m.into_id FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id), e.referral_id) AND r.affiliate_id = CAST(@customers_of AS INTEGER))
    OR (e.id > CAST(@gone_after AS INTEGER) AND e.referral_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM refgrow_referrals r WHERE r.id = COALESCE((SELECT m.into_id FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id), e.referral_id)))
    OR EXISTS (SELECT 1 FROM json_each(CAST(@words AS TEXT)) j WHERE instr(lower(e.data), j.value) > 0))
ORDER BY e.id LIMIT CAST(@at_most AS INTEGER);

-- An event of somebody else's, in which something else stands for the person now.
-- name: ChangeEvent :exec
UPDATE refgrow_events SET data = @data WHERE id = @event_id AND +project_id = @project_id AND kind <> 'erased';

-- An event says nothing any more, and nothing is sent for it.
-- name: EmptyEvents :exec
UPDATE refgrow_events
SET kind = 'erased', affiliate_id = NULL, affiliate_email = NULL, affiliate_code = NULL, paypal_email = NULL, wise_account_id = NULL,
    wise_email = NULL, referral_id = NULL, referral_email = NULL, data = '{}', user_agent = NULL
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- The pending deliveries of an event that says nothing any more.
-- name: CancelDeliveriesOf :execrows
UPDATE refgrow_deliveries
SET status = 'canceled', next_attempt_at = NULL, leased_until = NULL, response_status = NULL, error = NULL, ended_at = @ended_at
WHERE webhook_id = @webhook_id AND lane = @lane AND event_id = @event_id AND status = 'pending' AND +project_id = @project_id;

-- What endpoints answered to events that say nothing any more, or in which something else
-- stands for the person now: an answer may repeat what it was sent.
-- name: FindErrorsOfErased :many
SELECT d.id FROM refgrow_deliveries d JOIN refgrow_events e ON e.id = d.event_id
WHERE d.id > CAST(@after_id AS INTEGER) AND d.id <= CAST(@to_id AS INTEGER) AND +d.project_id = @project_id AND d.error IS NOT NULL
    AND (e.kind = 'erased' OR instr(e.data, CAST(@shown AS TEXT)) > 0)
ORDER BY d.id LIMIT CAST(@at_most AS INTEGER);

-- name: LastDeliveryID :one
SELECT CAST(COALESCE(MAX(id), 0) AS INTEGER) AS id FROM refgrow_deliveries;

-- name: ForgetErrors :exec
UPDATE refgrow_deliveries SET error = NULL
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- Whether an event is about somebody who is being erased or deleted, and not emptied yet.
-- name: IsBeingErased :one
SELECT CAST(CASE WHEN EXISTS (
    SELECT 1 FROM refgrow_erasures x JOIN refgrow_events e ON e.id = @event_id AND e.project_id = @project_id
    WHERE x.project_id = e.project_id AND (x.deletes = 1 OR e.id <= x.last_event) AND (
        x.affiliate_id = e.affiliate_id OR x.referral_id = e.referral_id
        OR EXISTS (SELECT 1 FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id AND m.into_id = x.referral_id)
        OR x.deletes = 1 AND x.affiliate_id IS NOT NULL AND e.referral_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM refgrow_referrals r WHERE r.id = COALESCE((SELECT m.into_id FROM refgrow_merged_referrals m WHERE m.referral_id = e.referral_id), e.referral_id) AND r.affiliate_id IS NOT x.affiliate_id))
) THEN 1 ELSE 0 END AS INTEGER) AS found;

-- Entries of conversions of a customer, or of the customers of a deleted affiliate, may
-- have notes about them.
-- name: ForgetNotes :exec
UPDATE refgrow_ledger_entries SET note = NULL
WHERE conversion_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND note IS NOT NULL AND +project_id = @project_id;

-- name: ListConversionIDsOfReferral :many
SELECT c.id, c.created_at FROM refgrow_conversions c
WHERE c.referral_id = CAST(@referral_id AS INTEGER) AND +c.project_id = @project_id
    AND (c.created_at, c.id) > (CAST(@after_time AS INTEGER), CAST(@after_id AS INTEGER))
ORDER BY c.created_at, c.id LIMIT CAST(@at_most AS INTEGER);

-- name: ForgetURLs :exec
UPDATE refgrow_conversions SET url = NULL
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- name: DetachConversions :exec
UPDATE refgrow_conversions SET referral_id = NULL
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id;

-- name: PassEntriesOf :one
SELECT e.id FROM refgrow_ledger_entries e
WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id AND e.id > CAST(@after_id AS INTEGER)
ORDER BY e.id LIMIT 1 OFFSET CAST(@rows AS INTEGER);

-- name: FindNotesOf :many
SELECT e.id FROM refgrow_ledger_entries e
WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id
    AND e.id > CAST(@after_id AS INTEGER) AND e.id <= CAST(@to_id AS INTEGER) AND e.note IS NOT NULL
ORDER BY e.id LIMIT CAST(@at_most AS INTEGER);

-- name: ForgetNotesOfEntries :exec
UPDATE refgrow_ledger_entries SET note = NULL
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@ids AS TEXT))) AND +project_id = @project_id AND note IS NOT NULL;

-- name: ForgetReturnNotes :exec
UPDATE refgrow_payouts SET return_note = 'erased'
WHERE affiliate_id = CAST(@affiliate_id AS INTEGER) AND +project_id = @project_id AND return_note IS NOT NULL;

-- name: ForgetClicksOf :many
DELETE FROM refgrow_clicks
WHERE +project_id = CAST(@project_id AS INTEGER) AND id IN (
    SELECT x.id FROM refgrow_clicks AS x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) ORDER BY x.address, x.created_at LIMIT CAST(@at_most AS INTEGER))
RETURNING affiliate_id, created_at;

-- Coupons of an erased affiliate have a key that no code equals.
-- name: EraseCoupons :exec
UPDATE refgrow_coupons
SET code = CAST(@code AS TEXT), code_key = CAST(@code AS TEXT) || ':' || id, stripe_coupon_id = NULL, lemonsqueezy_discount_code = NULL
WHERE affiliate_id = @affiliate_id AND project_id = @project_id;

-- name: GetErasureOf :one
SELECT x.id FROM refgrow_erasures x WHERE x.affiliate_id = CAST(@affiliate_id AS INTEGER) AND x.project_id = @project_id ORDER BY x.id LIMIT 1;

-- name: GetErasureOfReferral :one
SELECT x.id FROM refgrow_erasures x WHERE x.referral_id = CAST(@referral_id AS INTEGER) AND x.project_id = @project_id ORDER BY x.id LIMIT 1;
