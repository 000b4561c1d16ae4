package httpapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// routes lists everything the API answers. A path has at most one segment in braces,
// which says what the call is about; paths without one come before paths with one.
func routes() []route {
	return []route{
		{http.MethodGet, "/affiliates", listAffiliates},
		{http.MethodPost, "/affiliates", createAffiliate},
		{http.MethodGet, "/affiliates/{email}", retrieveAffiliate},
		{http.MethodPut, "/affiliates/{email}", updateAffiliate},
		{http.MethodDelete, "/affiliates/{email}", deleteAffiliate},
		{http.MethodPost, "/affiliates/{email}/erase", eraseAffiliate},

		{http.MethodGet, "/conversions", listConversions},
		{http.MethodPost, "/conversions", createConversion},
		{http.MethodGet, "/conversions/{id}", retrieveConversion},
		{http.MethodPut, "/conversions/{id}", updateConversion},
		{http.MethodDelete, "/conversions/{id}", deleteConversion},

		{http.MethodGet, "/referrals", listReferrals},
		{http.MethodPost, "/referrals", createReferral},
		{http.MethodGet, "/referrals/{email}", retrieveReferral},
		{http.MethodPut, "/referrals/{email}", updateReferral},
		{http.MethodDelete, "/referrals/{email}", deleteReferral},

		{http.MethodPost, "/referrals/{id}/merge", mergeReferrals},
		{http.MethodPost, "/referrals/{email}/erase", eraseReferral},

		{http.MethodGet, "/coupons", listCoupons},
		{http.MethodPost, "/coupons", createCoupon},
		{http.MethodGet, "/coupons/{id}", retrieveCoupon},
		{http.MethodPut, "/coupons/{id}", updateCoupon},
		{http.MethodDelete, "/coupons/{id}", deleteCoupon},

		{http.MethodGet, "/project", retrieveProject},
		{http.MethodPut, "/project", updateProject},
		{http.MethodGet, "/rules", listRules},
		{http.MethodPost, "/rules", createRule},
		{http.MethodDelete, "/rules/{id}", deleteRule},

		{http.MethodPost, "/refunds", createRefund},
		{http.MethodPost, "/conversions/{id}/refund", refundConversion},
		{http.MethodPost, "/conversions/{id}/undo-refund", undoRefund},
		{http.MethodGet, "/conversions/{id}/explain", explainConversion},

		{http.MethodGet, "/affiliates/{email}/earnings", retrieveEarnings},
		{http.MethodGet, "/affiliates/{email}/ledger", listLedger},
		{http.MethodGet, "/affiliates/{email}/statement", retrieveStatement},
		{http.MethodPost, "/adjustments", createAdjustment},

		{http.MethodGet, "/payouts", listPayouts},
		{http.MethodPost, "/payouts", runPayouts},
		{http.MethodGet, "/payouts/export", exportPayouts},
		{http.MethodPost, "/payouts/pay", payPayouts},
		{http.MethodPost, "/payouts/cancel", cancelPayouts},
		{http.MethodGet, "/payouts/runs", listPayoutRuns},
		{http.MethodGet, "/payouts/runs/{id}", retrievePayoutRun},
		{http.MethodGet, "/payouts/{id}", retrievePayout},
		{http.MethodGet, "/payouts/{id}/entries", listPayoutEntries},
		{http.MethodPost, "/payouts/{id}/pay", payPayout},
		{http.MethodPost, "/payouts/{id}/cancel", cancelPayout},
		{http.MethodPost, "/payouts/{id}/return", returnPayout},

		{http.MethodPost, "/clicks", recordClicks},
		{http.MethodGet, "/statistics", retrieveStatistics},

		{http.MethodGet, "/webhooks", listWebhooks},
		{http.MethodPost, "/webhooks", createWebhook},
		{http.MethodGet, "/webhooks/{id}", retrieveWebhook},
		{http.MethodPut, "/webhooks/{id}", updateWebhook},
		{http.MethodDelete, "/webhooks/{id}", deleteWebhook},
		{http.MethodPost, "/webhooks/{id}/rotate", rotateWebhook},
		{http.MethodPost, "/webhooks/{id}/test", testWebhook},
		{http.MethodPost, "/webhooks/{id}/replay", replayWebhook},
		{http.MethodGet, "/webhooks/{id}/deliveries", listDeliveries},
	}
}

// A route is one call of the API.
type route struct {
	method, pattern string
	judge           judge
}

// shown is the pattern of the GET that shows what a POST has made or changed, "" if there
// is none.
func (r *route) shown() string {
	switch {
	case r.pattern == "/refunds", strings.HasPrefix(r.pattern, "/conversions"):
		return "/conversions/{id}"
	case strings.HasPrefix(r.pattern, "/affiliates"):
		return "/affiliates/{email}"
	case strings.HasPrefix(r.pattern, "/referrals"):
		return "/referrals/{email}"
	case r.pattern == "/coupons":
		return "/coupons/{id}"
	case strings.HasPrefix(r.pattern, "/payouts/{id}/"):
		return "/payouts/{id}"
	}
	return ""
}

// A router finds the route of a request.
type router struct {
	routes []route
	paths  []path
}

// A path is a pattern with the routes of its methods.
type path struct {
	pattern  string
	segments []string
	wildcard int // the index of the segment in braces, or -1
	routes   []*route
}

func newRouter(routes []route) router {
	rt := router{routes: routes}
	for i := range routes {
		segments := strings.Split(routes[i].pattern[1:], "/")
		at := slices.IndexFunc(rt.paths, func(p path) bool { return slices.Equal(p.segments, segments) })
		if at < 0 {
			at = len(rt.paths)
			rt.paths = append(rt.paths, path{
				pattern: routes[i].pattern, segments: segments,
				wildcard: slices.IndexFunc(segments, func(s string) bool { return s[0] == '{' }),
			})
		}
		rt.paths[at].routes = append(rt.paths[at].routes, &routes[i])
	}
	slices.SortStableFunc(rt.paths, func(a, b path) int { return cmp.Compare(min(a.wildcard, 0), min(b.wildcard, 0)) })
	return rt
}

// find returns the route, and the segment that the pattern has in braces. Errors: 404,
// and 405 with what would be allowed.
func (rt *router) find(method string, segments []string) (*route, string, error) {
	p, err := rt.path(segments)
	if err != nil {
		return nil, "", err
	}
	var value string
	if p.wildcard >= 0 {
		value = segments[p.wildcard]
	}
	for _, route := range p.routes {
		if route.method == method || method == http.MethodHead && route.method == http.MethodGet {
			return route, value, nil
		}
	}
	return nil, "", p.notAllowed(method)
}

// path returns the path that the segments are. Errors: 404.
func (rt *router) path(segments []string) (*path, error) {
	for i := range rt.paths {
		if p := &rt.paths[i]; p.matches(segments) {
			return p, nil
		}
	}
	return nil, &problem{status: http.StatusNotFound, code: "not_found", message: "There is nothing at this path"}
}

// pattern is that of the path that the segments are, "" for none.
func (rt *router) pattern(segments []string) string {
	p, err := rt.path(segments)
	if err != nil {
		return ""
	}
	return p.pattern
}

// allowed lists the methods that a path has. Errors: 404.
func (rt *router) allowed(segments []string) (string, error) {
	p, err := rt.path(segments)
	if err != nil {
		return "", err
	}
	return p.methods(), nil
}

func (p *path) matches(segments []string) bool {
	if len(segments) != len(p.segments) {
		return false
	}
	for i, segment := range p.segments {
		switch {
		case i == p.wildcard && segments[i] != "", i != p.wildcard && segments[i] == segment:
		case i == 0 && strings.EqualFold(segments[i], segment): // the collection's name, in any case
		default:
			return false
		}
	}
	return true
}

// methods lists the methods that the path has.
func (p *path) methods() string {
	var allowed []string
	for _, route := range p.routes {
		allowed = append(allowed, route.method)
		if route.method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return strings.Join(allowed, ", ")
}

func (p *path) notAllowed(method string) *problem {
	allow := p.methods()
	return &problem{
		status: http.StatusMethodNotAllowed, code: "method_not_allowed", allow: allow,
		message: "The method " + shortened(method) + " is not allowed here; use " + allow,
	}
}

// segmentsOf takes a path apart, without the segments that come before the
// API's own, and decodes each segment once, so that an escaped slash is part of its
// segment.
func segmentsOf(u *url.URL, below int) []string {
	segments := strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	segments = segments[min(below, len(segments)):]
	if last := len(segments) - 1; last > 0 && segments[last] == "" { // a slash at the end
		segments = segments[:last]
	}
	for i, segment := range segments {
		if decoded, err := url.PathUnescape(segment); err == nil {
			segments[i] = decoded
		}
	}
	return segments
}
