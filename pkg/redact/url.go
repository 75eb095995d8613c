package redact

import "strings"

// url reads what follows a "://" at i: the user's password, and the path of a webhook. Its query is left to assignment.
func (s *scanner) url(i int) int {
	t := s.text
	host := i + len("://")
	end, start := host, host
	for end < len(t) && !urlEnd(t[end]) && t[end] != '/' && t[end] != '?' && t[end] != '#' {
		end++
	}
	switch at := strings.LastIndexByte(t[host:end], '@'); {
	case at >= 0:
		s.userinfo(host, host+at)
		host += at + 1
		// What looks like a user may be a connection string with an @ in it: its pairs are read, too.
		if pair := strings.IndexAny(t[start:host], ";,&"); pair >= 0 {
			start += pair
		} else {
			start = host
		}
	default:
		// A password that is not encoded may have a slash in it. A port has not.
		if c := strings.IndexByte(t[host:end], ':'); c >= 0 && host >= s.userless && t[host] != '[' && !digits(t[host+c+1:end]) {
			stop := host + c
			for stop < len(t) && strings.IndexByte(" \t\r\n", t[stop]) < 0 && stop-host < 1024 {
				stop++
			}
			s.userless = stop
			if at := strings.LastIndexByte(t[host+c:stop], '@'); at > 1 {
				s.add(host+c+1, host+c+at)
				return min(next(t[:host+c+at], host, ";,&"), host+c+at)
			}
		}
	}
	if end < len(t) && t[end] == '/' && end >= s.path {
		path := end
		for end < len(t) && !urlEnd(t[end]) && t[end] != '?' && t[end] != '#' {
			end++
		}
		s.path = end
		if from := webhook(t[host:path], t[path:end]); from > 0 {
			s.add(path+from, end)
			return end
		}
	}
	// The rest may have tokens in it, and the pairs of a connection string: https://host;AccessKey=x.
	return start
}

func (s *scanner) userinfo(from, to int) {
	if c := strings.IndexByte(s.text[from:to], ':'); c >= 0 {
		s.add(from+c+1, to)
		return
	}
	// https://TOKEN@host
	if user := s.text[from:to]; len(user) >= 20 && strings.ContainsAny(user, "0123456789") && tokenEnd(user, 0) == len(user) {
		s.add(from, to)
	}
}

func urlEnd(c byte) bool {
	return c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '\\' || c == '`'
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// webhookHosts take messages from anyone who knows the path.
var webhookHosts = []struct{ host, path string }{
	{"hooks.slack.com", "/services/"}, {"hooks.slack.com", "/workflows/"}, {"hooks.slack.com", "/triggers/"},
	{"discord.com", "/api/webhooks/"}, {"discordapp.com", "/api/webhooks/"},
	{"webhook.office.com", "/webhookb2/"}, {"outlook.office.com", "/webhook/"}, {"outlook.office365.com", "/webhook/"},
	{"hooks.zapier.com", "/hooks/"}, {"maker.ifttt.com", "/trigger/"}, {"api.telegram.org", "/bot"},
	{"events.pagerduty.com", "/integration/"}, {"alert.victorops.com", "/integrations/"}, {"open.feishu.cn", "/open-apis/bot/"},
	{"hook.make.com", "/"}, {"hook.integromat.com", "/"},
}

// webhook is how many bytes of a webhook's path may be shown, 0 when it is not one.
func webhook(host, path string) int {
	host, _, _ = strings.Cut(host, ":")
	for _, w := range webhookHosts {
		if strings.HasPrefix(path, w.path) && (strings.EqualFold(host, w.host) || len(host) > len(w.host) && host[len(host)-len(w.host)-1] == '.' && strings.EqualFold(host[len(host)-len(w.host):], w.host)) {
			return len(w.path)
		}
	}
	// Of another host: a long segment below one that is called hook or webhook.
	at := strings.Index(path, "hook")
	if at < 0 {
		return 0
	}
	slash := strings.IndexByte(path[at:], '/')
	if slash < 0 {
		return 0
	}
	from := at + slash + 1
	for rest := path[from:]; rest != ""; {
		segment, after, _ := strings.Cut(rest, "/")
		if len(segment) >= leastToken && strings.ContainsAny(segment, "0123456789") {
			return from
		}
		rest = after
	}
	return 0
}

// queryNames are sensitive in a URL's query only.
var queryNames = map[string]bool{
	"sig": true, "signature": true, "key": true, "code": true, "auth": true, "hmac": true, "apikey": true,
	"x-amz-signature": true, "x-amz-credential": true, "x-goog-signature": true, "x-goog-credential": true, "x-oss-signature": true, "x-cos-signature": true,
}

func (s *scanner) queryName(key string, before byte) bool {
	if before != '?' && before != '&' && before != ';' || len(key) > 20 {
		return false
	}
	return queryNames[key] || queryNames[strings.ToLower(key)]
}
