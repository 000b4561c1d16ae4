package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// callAll calls the server as its clients would, and prints what it answers.
func callAll(ctx context.Context, out io.Writer, url, key string) error {
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for _, call := range []struct{ method, path, key, body string }{
		{"GET", "/", "", ""},
		// Without a key there is no answer but this.
		{"GET", "/api/v1/affiliates", "", ""},
		{"POST", "/api/v1/affiliates", key, `{"email": "jane@example.com", "referral_code": "JANE"}`},
		// The server computes the commission, and knows Carl from now on.
		{"POST", "/api/v1/conversions", key, `{"type": "purchase", "referral_code": "JANE", "email": "carl@example.com",
			"base_value": 49.00, "base_value_currency": "USD", "reference": "in_123"}`},
		// Reported once more, it is refused: the reference is taken.
		{"POST", "/api/v1/conversions", key, `{"type": "purchase", "referral_code": "JANE", "email": "carl@example.com",
			"base_value": 49.00, "base_value_currency": "USD", "reference": "in_123"}`},
		// An email in a path is escaped.
		{"GET", "/api/v1/affiliates/jane%40example.com", key, ""},
	} {
		request, err := http.NewRequestWithContext(ctx, call.method, url+call.path, strings.NewReader(call.body))
		if err != nil {
			return err
		}
		if call.key != "" {
			request.Header.Set("Authorization", "Bearer "+call.key)
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s %s: %s\n%s\n\n", call.method, call.path, answer.Status, shown(body))
	}
	return nil
}

// shown indents a body of JSON and leaves any other as it is.
func shown(body []byte) string {
	var value json.RawMessage
	if json.Unmarshal(body, &value) == nil {
		if indented, err := json.MarshalIndent(value, "", "  "); err == nil {
			body = indented
		}
	}
	return strings.TrimSpace(string(body))
}
