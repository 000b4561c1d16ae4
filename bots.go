package refgrow

import "strings"

// IsBot tells whether a user agent says that it is no visitor: a crawler, the
// preview of a link in a message, or a monitor. Without a user agent, or with that of
// a tool such as curl, a visit counts: there are people behind these, too.
func IsBot(userAgent string) bool {
	userAgent = strings.ToLower(userAgent)
	for _, mark := range botMarks() {
		if strings.Contains(userAgent, mark) {
			return true
		}
	}
	return false
}

// botMarks are what the user agents of bots have in them. Most say "bot" or
// "crawler", and where to read about them.
func botMarks() [27]string {
	return [...]string{
		"bot/", "bot ", "bot;", "bot)", "bot-", "bot.", "-bot", "robot", "crawl", "spider", "slurp", "archiver",
		"facebookexternalhit", "facebookcatalog", "whatsapp/", "preview", "skypeuripreview", "embedly", "quora link", "vkshare", "flipboard",
		"mediapartners", "adsbot", "apis-google", "google-inspectiontool", "pingdom", "uptime",
	}
}
