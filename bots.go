package refgrow

import "strings"

// IsBot tells whether a user agent says that it is no visitor: a crawler, the
// preview of a link in a message, or a monitor. Without a user agent, or with that of
// a tool such as curl, a visit counts: there are people behind these, too.
func IsBot(userAgent string) bool {
	// CUBOT makes telephones. A name may be the last word.
	userAgent = strings.ReplaceAll(strings.ToLower(userAgent), "cubot", "") + " "
	for _, mark := range botMarks() {
		if strings.Contains(userAgent, mark) {
			return true
		}
	}
	return false
}

// botMarks are what the user agents of bots have in them. Most say "bot" or
// "crawler", and where to read about them.
func botMarks() [33]string {
	return [...]string{
		"bot/", "bot ", "bot;", "bot)", "bot-", "bot.", "bot,", "bots)", "-bot", "robot", "crawl", "spider", "slurp", "archiver",
		"facebookexternalhit", "facebookcatalog", "whatsapp/", "preview", "embedly", "iframely", "quora link", "vkshare", "flipboardproxy",
		"mastodon/", "cardyb", "mediapartners", "apis-google", "googleother", "google-inspectiontool", "lighthouse", "pingdom", "uptime", "http monitor",
	}
}
