package backend

import "github.com/refgrow-go/refgrow/internal/db"

// sum adds two changes of one project's totals.
func sum(a, b db.AddTotalsParams) db.AddTotalsParams {
	return db.AddTotalsParams{ProjectID: b.ProjectID, LastStamp: max(a.LastStamp, b.LastStamp)}
}
