package httpapi_test

import "strings"

// ownSecret is one that an owner chose: as short as it may be.
const ownSecret = "0123456789abcdefghijklmn"

// refusalsOfWebhooks are calls to a populated world with webhooks.
func refusalsOfWebhooks() []refusal {
	const url = `"url": "https://example.com/new"`
	calls := []refusal{
		{"POST /webhooks", 400, "url"},
		{"POST /webhooks {}", 400, "url"},
		{`POST /webhooks {"url": null}`, 400, "url"},
		{`POST /webhooks {"url": 5}`, 400, "url"},
		{`POST /webhooks {` + url + `, "name": "x"}`, 400, "name"},
		{`POST /webhooks {` + url + `, "id": 7}`, 400, "id"},
		{`POST /webhooks {` + url + `, "signed": true}`, 400, "signed"},
		{`POST /webhooks {` + url + `, "status": "paused"}`, 400, "status"},
		{`POST /webhooks {` + url + `, "status": ""}`, 400, "status"},
		{`POST /webhooks {` + url + `, "secret": 123456789012345678901234}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": ["` + ownSecret + `"]}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": ""}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": "` + ownSecret[1:] + `"}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": "` + strings.Repeat("x", 76) + `"}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": "` + strings.Repeat("é", 38) + `"}`, 400, "secret"}, // 76 bytes
		{`POST /webhooks {` + url + `, "secret": "` + ownSecret + `\n"}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": "whsec_this is not base64"}`, 400, "secret"},
		{`POST /webhooks {` + url + `, "secret": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYW"}`, 400, "secret"},
		{`POST /webhooks?url=https://example.com`, 400, "url"},
		{`POST /webhooks {"url": "http://127.0.0.1:9000/"}`, 400, "url"},
		{`POST /webhooks {"url": "http://[::1]/"}`, 400, "url"},
		{`POST /webhooks {"url": "https://10.1.2.3/hook"}`, 400, "url"},
		{`POST /webhooks {"url": "http://169.254.169.254/latest"}`, 400, "url"},
		{`POST /webhooks {"url": "http://[::ffff:127.0.0.1]/"}`, 400, "url"},
		{`POST /webhooks {"url": "http://[fe80::1%25eth0]/"}`, 400, "url"},
		{`POST /webhooks {"url": "http://LOCALHOST./"}`, 400, "url"},
		{`POST /webhooks {"url": "http://api.localhost/"}`, 400, "url"},

		{"GET /webhooks/99", 404, ""},
		{"GET /webhooks/x", 400, "id"},
		{"GET /webhooks/1?secret=true", 400, "secret"},
		{"PUT /webhooks/1", 400, ""},
		{"PUT /webhooks/1 {}", 400, ""},
		{`PUT /webhooks/1 {"secret": "` + ownSecret + `"}`, 400, "secret"},
		{`PUT /webhooks/1 {"secret": null}`, 400, "secret"},
		{`PUT /webhooks/1 {"url": "https://example.com/other", "secret": "` + ownSecret + `"}`, 400, "secret"},
		{`PUT /webhooks/1 {"url": null}`, 400, "url"},
		{`PUT /webhooks/1 {"url": ""}`, 400, "url"},
		{`PUT /webhooks/1 {"url": "http://192.168.1.1/"}`, 400, "url"},
		{`PUT /webhooks/1 {"events": null}`, 400, "events"},
		{`PUT /webhooks/1 {"status": null}`, 400, "status"},
		{`PUT /webhooks/1 {"status": "off", "url": "https://example.com/other"}`, 400, "status"},
		{`PUT /webhooks/99 {"status": "inactive"}`, 404, ""},
		{`PUT /webhooks/x {"status": "inactive"}`, 400, "id"},
		{"DELETE /webhooks/99", 404, ""},
		{"DELETE /webhooks/0", 400, "id"},

		{"POST /webhooks/99/rotate", 404, ""},
		{"POST /webhooks/x/rotate", 400, "id"},
		{`POST /webhooks/1/rotate {"secret": "` + ownSecret + `"}`, 400, "secret"},
		{"POST /webhooks/1/rotate []", 400, ""},
		{`POST /webhooks/1/rotate {"overlap_hours": 73}`, 400, "overlap_hours"},
		{`POST /webhooks/1/rotate {"overlap_hours": -1}`, 400, "overlap_hours"},
		{`POST /webhooks/1/rotate {"overlap_hours": 1.5}`, 400, "overlap_hours"},
		{`POST /webhooks/1/rotate {"overlap_hours": null}`, 400, "overlap_hours"},

		{"POST /webhooks/99/test", 404, ""},
		{"POST /webhooks/2/test", 409, ""},
		{"POST /webhooks/x/test", 400, "id"},
		{`POST /webhooks/1/test {"event": "purchase"}`, 400, "event"},
		{`POST /webhooks/1/test {"event": ""}`, 400, "event"},
		{`POST /webhooks/1/test {"event": ["referral_updated"]}`, 400, "event"},
		{`POST /webhooks/1/test {"events": ["referral_updated"]}`, 400, "events"},

		{"POST /webhooks/1/replay", 400, ""},
		{`POST /webhooks/1/replay {"since": null, "delivery_id": null}`, 400, ""},
		{`POST /webhooks/1/replay {"since": "2026-01-01", "delivery_id": 1}`, 400, "delivery_id"},
		{`POST /webhooks/1/replay {"since": "yesterday"}`, 400, "since"},
		{`POST /webhooks/1/replay {"since": 17684784}`, 400, "since"},
		{`POST /webhooks/1/replay {"since": "2026-01-15T12:00:00.001Z"}`, 400, "since"},
		{`POST /webhooks/1/replay {"delivery_id": 0}`, 400, "delivery_id"},
		{`POST /webhooks/1/replay {"delivery_id": 99}`, 404, ""},
		{`POST /webhooks/1/replay {"until": "2026-01-15"}`, 400, "until"},
		{`POST /webhooks/2/replay {"delivery_id": 1}`, 409, ""},
		{`POST /webhooks/2/replay {"since": "2026-01-01"}`, 409, ""},
		{`POST /webhooks/99/replay {"since": "2026-01-01"}`, 404, ""},
		{`POST /webhooks/99/replay {"delivery_id": 1}`, 404, ""},

		{"GET /webhooks/99/deliveries", 404, ""},
		{"GET /webhooks/x/deliveries", 400, "id"},
		{"GET /webhooks/1/deliveries?status=sent", 400, "status"},
		{"GET /webhooks/1/deliveries?event=referral_updated", 400, "event"},
	}
	for _, events := range []string{
		`[]`, `"referral_updated"`, `{}`, `true`, `["purchase"]`,
		`[""]`, `["Referral_updated"]`, `["referral_updated", "referral_updated"]`,
		`["referral_updated", "referral_deleted"]`, `["referral_updated", null]`,
		`["referral_updated", 5]`, `[["referral_updated"]]`,
	} {
		calls = append(calls, refusal{`POST /webhooks {` + url + `, "events": ` + events + `}`, 400, "events"},
			refusal{`PUT /webhooks/1 {"url": "https://example.com/other", "events": ` + events + `}`, 400, "events"})
	}
	for _, address := range []string{
		"example.com", "/hooks", "//example.com/hooks", "https:",
		"https://", "https:///hooks", "https://:443/hooks", "https:example.com", "ftp://example.com/hooks",
		"file:///etc/passwd", "javascript:alert(1)", "HTTP:/example.com",
		"https://user@example.com", "https://user:password@example.com",
		"https://:password@example.com", "https://example.com/#part",
		"https://exam ple.com", `https://example.com\\@localhost`, "https://[::1", "https://example.com:x",
		"https://example.com/%zz", `https://example.com/\u0000`, " https://example.com",
		"https://example.com/" + strings.Repeat("x", 3000),
	} {
		calls = append(calls, refusal{`POST /webhooks {"url": "` + address + `"}`, 400, "url"},
			refusal{`PUT /webhooks/1 {"url": "` + address + `"}`, 400, "url"})
	}
	return calls
}
