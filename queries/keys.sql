-- name: InsertKey :one
INSERT INTO refgrow_api_keys (project_id, name, read_only, public_id, secret_hash, secret_check, created_at)
VALUES (@project_id, @name, @read_only, @public_id, @secret_hash, @secret_check, @created_at)
RETURNING id;

-- name: GetKey :one
SELECT * FROM refgrow_api_keys WHERE id = @key_id;

-- name: GetSecretCheck :one
SELECT CAST(COALESCE((
    SELECT secret_check FROM refgrow_api_keys WHERE public_id = @public_id AND revoked_at IS NULL
), zeroblob(8)) AS BLOB) AS secret_check;

-- name: GetKeyByPublicID :one
SELECT k.*, p.name AS project_name
FROM refgrow_api_keys k JOIN refgrow_projects p ON p.id = k.project_id
WHERE k.public_id = @public_id;

-- name: ListKeys :many
SELECT k.id, k.project_id, k.name, k.read_only, k.public_id, k.created_at, k.revoked_at, p.name AS project_name
FROM refgrow_api_keys k JOIN refgrow_projects p ON p.id = k.project_id
ORDER BY k.id;

-- name: RevokeKey :execrows
UPDATE refgrow_api_keys SET revoked_at = @revoked_at WHERE id = @key_id AND revoked_at IS NULL;
