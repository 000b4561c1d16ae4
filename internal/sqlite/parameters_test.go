package sqlite

import "testing"

func TestUnnumbered(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                           "",
		"SELECT 1":                   "SELECT 1",
		"SELECT ?1":                  "SELECT ?",
		"SELECT ?1, ?2 WHERE x = ?3": "SELECT ?, ? WHERE x = ?",
		"VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)":       "VALUES (?,?,?,?,?,?,?,?,?,?,?)",
		"-- is it?\nSELECT '?' \"?\", `?`, [?], ?1 /* ? */": "-- is it?\nSELECT '?' \"?\", `?`, [?], ? /* ? */",
		"SELECT 'it''s ?9', ?1":                             "SELECT 'it''s ?9', ?",
		// A query that would mean something else stays as it is.
		"SELECT ?2, ?1":      "SELECT ?2, ?1",
		"SELECT ?1, ?1":      "SELECT ?1, ?1",
		"SELECT ?1, ?3":      "SELECT ?1, ?3",
		"SELECT ?1, ?":       "SELECT ?1, ?",
		"SELECT ?":           "SELECT ?",
		"SELECT ?10":         "SELECT ?10",
		"SELECT ?1, :name":   "SELECT ?1, :name",
		"SELECT ?1, @name":   "SELECT ?1, @name",
		"SELECT ?1, '?2":     "SELECT ?, '?2",
		"SELECT ?1 -- and ?": "SELECT ? -- and ?",
	} {
		if got := unnumbered(query); got != want {
			t.Errorf("%q became %q instead of %q", query, got, want)
		}
	}
}
