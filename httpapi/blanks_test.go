package httpapi_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
)

// A text of blanks alone is none: in every field of every call it is refused, but where a
// sale is recorded without it, or a click says something about a browser.
func TestBlankTexts(t *testing.T) {
	t.Parallel()
	l := newLab(t, fillLab(t))
	tolerated := map[string][]string{
		"/conversions": tolerantFields,
		"/clicks":      {"url", "referrer", "user_agent", "ip_address"},
	}
	for _, seed := range acceptedBodies {
		call, body := taken(seed)
		if body == "" {
			continue
		}
		var fields map[string]any
		must(t, json.Unmarshal([]byte(body), &fields))
		for _, blank := range []string{" ", "\t ", "\u00a0\u3000", "\u200b"} {
			for field, of := range textsIn(fields) {
				if call.method == "POST" && slices.Contains(tolerated[call.path], field) {
					continue
				}
				was := of[field]
				of[field] = blank
				blanked, err := json.Marshal(fields)
				must(t, err)
				of[field] = was
				l.draft(t, func(s *site) {
					got := s.do(t, call.method, call.path, string(blanked))
					// Of many things at once each is judged alone.
					if got.status < 400 && !refusedAlone(got) {
						t.Errorf("%s %s %s: %d %s", call.method, call.path, blanked, got.status, got.body)
					}
				})
			}
		}
	}
}

// textsIn are the objects in a body that have texts, by the fields of these.
func textsIn(fields map[string]any) map[string]map[string]any {
	found := make(map[string]map[string]any)
	for field, v := range fields {
		switch v := v.(type) {
		case string:
			found[field] = fields
		case map[string]any:
			maps.Copy(found, textsIn(v))
		case []any:
			for _, item := range v {
				if inner, ok := item.(map[string]any); ok {
					maps.Copy(found, textsIn(inner))
				}
			}
		}
	}
	return found
}

func refusedAlone(got reply) bool {
	items, _ := got.json["data"].([]any)
	return slices.ContainsFunc(items, func(item any) bool {
		judged, ok := item.(map[string]any)
		return ok && judged["code"] == "invalid"
	})
}
