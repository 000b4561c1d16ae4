package engine_test

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// A project is what an app's developer reads as one page: what an app calls about people
// and money. What operates a project is behind handles, and what only a worker calls
// behind Engine.Outbox.
func TestProjectIsOnePage(t *testing.T) {
	t.Parallel()
	const most = 95 // it may become 100, and never more
	project := reflect.TypeFor[*refgrow.Project]()
	if n := project.NumMethod(); n > most {
		t.Errorf("a project has %d methods, and should have at most %d: give what operates one a handle", n, most)
	}
	elsewhere := regexp.MustCompile(`Webhook$|Webhook[^s]|Webhooks.|.Webhook|Deliver|Endpoint|Attempt|Lease|` +
		`Spread|Woken|Outbox|` +
		`PayoutRun$|PayoutRun[^s]|PayoutRuns.|.PayoutRuns|Search|Attention|Rank|Audit.|Source.|Notice|Member|Session|` +
		`Upkeep|Prune|Flush|Backup|Verify|Stamp|Key`)
	for method := range project.Methods() {
		if elsewhere.MatchString(method.Name) {
			t.Errorf("a project has %s, which belongs to a handle or to the engine", method.Name)
		}
	}
	worker := regexp.MustCompile(`Deliver|Endpoint|Attempt|Lease|Spread|Woken|Event|Claim`)
	for method := range reflect.TypeFor[*refgrow.Engine]().Methods() {
		if worker.MatchString(method.Name) {
			t.Errorf("an engine has %s, which belongs to its outbox", method.Name)
		}
	}
}
