package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// A callerKey is what requests are counted by: an API key, or a caller of
// Options.Authenticate.
type callerKey struct {
	key       int64 // the API key's id, 0 for a host's caller
	projectID int64
	id        string // the host's caller
}

// scope says whose an idempotency key is, within the project.
func (k callerKey) scope() string {
	if k.key != 0 {
		return "key:" + strconv.FormatInt(k.key, 10)
	}
	return "caller:" + k.id
}

type caller struct {
	callerKey
	project  *refgrow.Project
	readOnly bool
	public   string // the part of the key that is no secret, "" for a host's caller
}

// admit finds out who sends a request, and whether the caller has a request left in
// this minute. It sets the headers of the limit that was checked.
func (a *api) admit(h http.Header, r *http.Request) (caller, error) {
	who, err := a.identify(r)
	if err != nil {
		return who, a.refuse(h, r, err)
	}
	if a.timeout != 0 {
		who.project = who.project.WithTimeout(a.timeout)
	}
	if a.windows == nil {
		a.unlimited().write(h)
		return who, nil
	}
	s, within := a.windows.take(who.callerKey, 1)
	s.write(h)
	if !within {
		return who, &problem{
			status: http.StatusTooManyRequests, code: "rate_limited", retryAfter: s.retryAfter,
			message: "The limit is " + strconv.Itoa(s.limit) + " requests a minute; try again in " +
				strconv.FormatInt(s.retryAfter, 10) + " s",
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
			return caller{}, errors.New("Options.Authenticate returned neither a project nor an error")
		}
		return caller{callerKey{projectID: c.Project.ID(), id: c.ID}, c.Project, c.ReadOnly, ""}, nil
	}
	token, wrong := bearer(r.Header)
	if wrong != "" {
		return caller{}, &problem{
			status: http.StatusUnauthorized, code: string(refgrow.CodeUnauthorized),
			message: "Invalid or missing API key: " + wrong,
		}
	}
	key, project, err := a.engine.Authenticate(r.Context(), token)
	if err != nil {
		return caller{}, err
	}
	return caller{callerKey{key: key.ID, projectID: key.ProjectID}, project, key.ReadOnly, publicPart(token)}, nil
}

// bearer returns the token of the Authorization header, or what is wrong with the form of
// the header, which says nothing about any key.
func bearer(h http.Header) (token, wrong string) {
	const right = `send the header "Authorization: Bearer rgk_..."`
	given := h["Authorization"]
	switch {
	case len(given) == 0 && h.Get("X-Api-Key") != "":
		return "", "it is in the header X-Api-Key; " + right
	case len(given) == 0:
		return "", "the header Authorization is missing; " + right
	case len(given) > 1:
		return "", "the header Authorization is given more than once"
	}
	scheme, token, _ := strings.Cut(strings.Trim(given[0], " \t"), " ")
	token = strings.Trim(token, " ")
	switch {
	case strings.HasPrefix(scheme, keyBegins):
		return "", "the word Bearer is missing before the key; " + right
	case strings.HasPrefix(strings.ToLower(scheme), "bearer\t"):
		return "", "there is a tab after the word Bearer, where a blank must be; " + right
	case !strings.EqualFold(scheme, "Bearer"):
		return "", "the scheme of the header Authorization must be Bearer; " + right
	case token == "":
		return "", "there is no key after the word Bearer; " + right
	case token[0] == '"' || token[0] == '\'' || token[0] == '<':
		return "", "there are quotes or brackets around the key; " + right
	case !strings.HasPrefix(token, keyBegins):
		return "", "what is sent is no key, which begins with " + keyBegins
	}
	return token, ""
}

// publicPart is the part of a key that is no secret.
func publicPart(token string) string {
	public, _, _ := strings.Cut(strings.TrimPrefix(token, keyBegins), "_")
	return public
}

// keyBegins is what every API key begins with.
const keyBegins = "rgk_"

// refuse counts a failed authentication. A valid key never gets here, so that others'
// failures from its address do it no harm.
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
