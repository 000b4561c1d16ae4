package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// A callerKey is whom requests are counted for: an API key, or a caller of
// Options.Authenticate.
type callerKey struct {
	key     int64 // the API key's id, 0 for a host's caller
	project int64
	id      string // the host's caller
}

// scope is whom an idempotency key belongs to, within the project.
func (k callerKey) scope() string {
	if k.key != 0 {
		return "key:" + strconv.FormatInt(k.key, 10)
	}
	return "caller:" + k.id
}

type caller struct {
	callerKey
	program  *refgrow.Project
	readOnly bool
}

// admit finds out who sends a request, and whether there is a request left in the
// caller's minute. The headers of the limit that was looked at are set.
func (a *api) admit(h http.Header, r *http.Request) (caller, error) {
	who, err := a.identify(r)
	if err != nil {
		return who, a.refuse(h, r, err)
	}
	if a.windows == nil {
		return who, nil
	}
	s, within := a.windows.take(who.callerKey)
	s.write(h)
	if !within {
		return who, &problem{
			status: http.StatusTooManyRequests, code: "rate_limited", retryAfter: s.retryAfter,
			message: "There are " + strconv.Itoa(s.limit) + " requests a minute; try again in " + strconv.FormatInt(s.retryAfter, 10) + " s",
		}
	}
	return who, nil
}

func (a *api) identify(r *http.Request) (caller, error) {
	if a.authenticate != nil {
		c, err := a.authenticate(r)
		switch {
		case err != nil:
			return caller{}, err
		case c.Project == nil:
			return caller{}, errors.New("Options.Authenticate gave neither a project nor an error")
		}
		return caller{callerKey{project: c.Project.ID(), id: c.ID}, c.Project, c.ReadOnly}, nil
	}
	key, project, err := a.engine.Authenticate(r.Context(), bearer(r.Header))
	if err != nil {
		return caller{}, err
	}
	return caller{callerKey{key: key.ID, project: key.ProjectID}, project, key.ReadOnly}, nil
}

// bearer gives the token of the only Authorization header, "" if there is none.
func bearer(h http.Header) string {
	given := h["Authorization"]
	if len(given) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.Trim(token, " ")
}

// refuse counts a failed authentication. A right key never comes here, so that
// the failures of others at its address do it no harm.
func (a *api) refuse(h http.Header, r *http.Request, err error) error {
	address := a.clientIP(r)
	p := problemOf(err)
	if p.status != http.StatusUnauthorized {
		ofFailures(a.failures.Look(address)).write(h)
		return p
	}
	left, within := a.failures.Take(address)
	s := ofFailures(left)
	s.write(h)
	h.Set("WWW-Authenticate", "Bearer")
	if within {
		return p
	}
	return &problem{
		status: http.StatusTooManyRequests, code: "rate_limited", retryAfter: s.retryAfter,
		message: "There were too many failed authentications from this address; try again in " +
			strconv.FormatInt(s.retryAfter, 10) + " s",
	}
}
