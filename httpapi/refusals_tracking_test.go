package httpapi_test

import "strings"

// refusalsOfTracking are calls to a populated world.
func refusalsOfTracking() []refusal {
	many := strings.Repeat(`{"referral_code": "JANE"}, `, 500) + `{"referral_code": "JANE"}`
	calls := []refusal{
		{"POST /clicks", 400, "referral_code"},
		{"POST /clicks {}", 400, "referral_code"},
		{"POST /clicks []", 400, ""},
		{`POST /clicks [{"referral_code": "JANE"}]`, 400, ""},
		{`POST /clicks?referral_code=JANE {"referral_code": "JANE"}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": null}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": ""}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": 5}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": "ja"}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": "JANE DOE"}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": "` + strings.Repeat("x", 65) + `"}`, 400, "referral_code"},
		{`POST /clicks {"url": "https://example.com/?ref=JANE"}`, 400, "referral_code"},
		{`POST /clicks {"referral_code": "JANE", "url": 5}`, 400, "url"},
		{`POST /clicks {"referral_code": "JANE", "referrer": ["https://example.com"]}`, 400, "referrer"},
		{`POST /clicks {"referral_code": "JANE", "user_agent": {}}`, 400, "user_agent"},
		{`POST /clicks {"referral_code": "JANE", "ip": "203.0.113.9"}`, 400, "ip"},
		{`POST /clicks {"referral_code": "JANE", "created_at": "2026-01-01T00:00:00Z"}`, 400, "created_at"},
		{`POST /clicks {"referral_code": "JANE", "affiliate_id": 1}`, 400, "affiliate_id"},

		{`POST /clicks {"clicks": null}`, 400, "referral_code"},
		{`POST /clicks {"clicks": {"referral_code": "JANE"}}`, 400, "clicks"},
		{`POST /clicks {"clicks": "JANE"}`, 400, "clicks"},
		{`POST /clicks {"clicks": []}`, 400, "clicks"},
		{`POST /clicks {"clicks": [` + many + `]}`, 400, "clicks"},
		{`POST /clicks {"clicks": ["JANE"]}`, 400, "clicks[0]"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, null]}`, 400, "clicks[1]"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, [{"referral_code": "JANE"}]]}`, 400, "clicks[1]"},
		{`POST /clicks {"clicks": [{}]}`, 400, "clicks[0].referral_code"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, {"referral_code": "JANE"},
			{"referral_code": "JANE"}, {"url": "x"}]}`, 400, "clicks[3].referral_code"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, {"referral_code": "JANE", "ip_address": "me"}]}`,
			400, "clicks[1].ip_address"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, {"referral_code": ""}, {"referral_code": 5}]}`,
			400, "clicks[1].referral_code"},
		{`POST /clicks {"clicks": [{"referral_code": "j@ne"}]}`, 400, "clicks[0].referral_code"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, {"referral_code": "ja"}]}`,
			400, "clicks[1].referral_code"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE", "Url": "x"}]}`, 400, "clicks[0].Url"},
		{`POST /clicks {"clicks": [{"clicks": [{"referral_code": "JANE"}]}]}`, 400, "clicks[0].clicks"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}, {"referral_code": "JANE", "referral_code": "JANE"}]}`,
			400, "clicks[1].referral_code"},

		{"GET /statistics?affiliate_id=0", 400, "affiliate_id"},
		{"GET /statistics?affiliate_id=jane", 400, "affiliate_id"},
		{"GET /statistics?affiliate_id=1&affiliate_id=1", 400, "affiliate_id"},
		{"GET /statistics?from=yesterday", 400, "from"},
		{"GET /statistics?to=2026-02-30", 400, "to"},
		{"GET /statistics?from=2026-01-02&to=2026-01-01", 400, "from"},
		{"GET /statistics?from=2026-01-01T12:00:00.001Z&to=2026-01-01T12:00:00Z", 400, "from"},
		{"GET /statistics?affiliate_id=99&from=2026-01-02&to=2026-01-01", 400, "from"},
		{"GET /statistics?from=2025-01-01&to=2026-01-03", 400, "from"}, // 367 days
		{"GET /statistics?affiliate_id=99&from=2025-01-01&to=2026-01-03", 400, "from"},
		{"GET /statistics?from=2026-01-17", 400, "from"}, // after today
		{"GET /statistics?limit=10", 400, "limit"},
		{"GET /statistics?day=2026-01-01", 400, "day"},

		{`PUT /project {"touch": null}`, 400, "touch"},
		{`PUT /project {"touch": ""}`, 400, "touch"},
		{`PUT /project {"touch": "First"}`, 400, "touch"},
		{`PUT /project {"touch": "linear", "cookie_days": 9}`, 400, "touch"},
		{`PUT /project {"landing_url": ""}`, 400, "landing_url"},
		{`PUT /project {"landing_url": 5}`, 400, "landing_url"},
		{`PUT /project {"allowed_origins": null}`, 400, "allowed_origins"},
		{`PUT /project {"allowed_origins": "https://example.com"}`, 400, "allowed_origins"},
		{`PUT /project {"allowed_origins": [5]}`, 400, "allowed_origins"},
		{`PUT /project {"allowed_origins": {"0": "https://example.com"}}`, 400, "allowed_origins"},
		{`PUT /project {"allowed_origin": ["https://example.com"]}`, 400, "allowed_origin"},
	}
	for _, field := range []string{`"referral_code": "JANE"`, `"url": "x"`,
		`"referrer": ""`, `"ip_address": null`, `"user_agent": 5`} {
		name, _, _ := strings.Cut(field[1:], `"`)
		calls = append(calls, refusal{`POST /clicks {"clicks": [{"referral_code": "JANE"}], ` + field + `}`, 400, name})
	}
	for _, address := range []string{
		`""`, `"localhost"`, `"203.0.113.9:443"`, `"[2001:db8::1]"`,
		`"[2001:db8::1]:443"`, `"203.0.113"`, `"203.0.113.09"`, `"203.0.113.256"`, `"203.0.113.0/24"`,
		`"fe80::1%eth0"`, `" 203.0.113.9"`, `"203.0.113.9, 10.0.0.1"`,
		`"2001:db8::1::2"`, `"3405803785"`, `3405803785`, `["203.0.113.9"]`,
	} {
		calls = append(calls,
			refusal{`POST /clicks {"referral_code": "JANE", "ip_address": ` + address + `}`, 400, "ip_address"})
	}
	for _, days := range []string{"0", "-1", "1.5", "1e1", `"30d"`, "null", "99999999999999999999", "4000"} {
		calls = append(calls, refusal{`PUT /project {"cookie_days": ` + days + `}`, 400, "cookie_days"},
			refusal{`PUT /project {"click_days": ` + days + `}`, 400, "click_days"})
	}
	for _, landing := range []string{
		"example.com", "//example.com", `/\\example.com`, `\\\\example.com`,
		"javascript:alert(1)", "data:text/html,x", "ftp://example.com", "https://", "https:example.com",
		"https://user:password@example.com", "https://exam ple.com",
		"/a\\u0000b", "/a\\r\\nSet-Cookie: x", "https://example.com/" + strings.Repeat("x", 2048),
	} {
		calls = append(calls, refusal{`PUT /project {"landing_url": "` + landing + `"}`, 400, "landing_url"})
	}
	for _, origin := range []string{
		"http://[fe80::1%25eth0]",
		"", "*", "null", "example.com", "//example.com", "ftp://example.com",
		"https://", "https://*.example.com", "https://example.org/", "https://example.com/shop",
		"https://example.com?x", "https://user@example.com", "https://example.com:x",
		"https://example.com:99999", "https://exam ple.com", "file://",
	} {
		calls = append(calls, refusal{`PUT /project {"allowed_origins": ["https://example.org", "` + origin + `"]}`,
			400, "allowed_origins"})
	}
	return calls
}
