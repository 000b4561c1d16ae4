package engine_test

import (
	"testing"

	"github.com/refgrow-go/refgrow"
)

// These user agents are taken from what their makers publish.
func TestIsBot(t *testing.T) {
	t.Parallel()
	const (
		apple  = " like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
		google = ") AppleWebKit/537.36 (KHTML, like Gecko) "
	)
	for userAgent, want := range map[string]bool{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": true,
		"Googlebot-Image/1.0": true,
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)":                                true,
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)": true,
		"Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)":                    true,
		"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)":                    true,
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)":                              true,
		"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)":                                             true,
		"TelegramBot (like TwitterBot)": true,
		"WhatsApp/2.23.20.0 A":          true,
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)": true,
		"Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)":                  true,
		"ia_archiver": true,

		"":                       false,
		"curl/8.14.1":            false,
		"Go-http-client/2.0":     false,
		"python-requests/2.32.3": false,
		"Mozilla/5.0 (X11; Linux x86_64" + google + "HeadlessChrome/143.0.0.0 Safari/537.36":                         false,
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0":                                     false,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5" + apple + "Version/18.5 Mobile/15E148 Safari/604.1":                false,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5" + apple + "Mobile/15E148 [FBAN/FBIOS;FBAV/512.0]":                  false,
		"Mozilla/5.0 (Linux; Android 15; Pixel 9" + google + "Chrome/143.0.0.0 Mobile Safari/537.36 Instagram 390.0": false,
		"Mozilla/5.0 (Linux; Android 12; CUBOT KINGKONG 7" + google + "Chrome/120.0.0.0 Mobile Safari/537.36":        false,
		"Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M; wv" + google + "Chrome/67.0 Mobile Safari/537.36":   false,
		"Mozilla/5.0 (Linux; U; Android 8.1; en-us; M bot 551 Build/O11019" + google + "Chrome/61.0 Safari/537.36":   false,
		"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P" + google +
			"Chrome/W.X.Y.Z Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": true,
		"Mozilla/5.0 (Linux; Android 7.0; Googlebot/2.1)":                                    true,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0" + apple + "Mobile/15E148 Flipboard/4.3.30": false,
		"Mozilla/5.0 (compatible; FlipboardProxy/1.2; +http://flipboard.com/browserproxy)":   true,
	} {
		if got := refgrow.IsBot(userAgent); got != want {
			t.Errorf("%q is a bot: %t", userAgent, got)
		}
	}
}
