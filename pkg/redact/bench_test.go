package redact

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func BenchmarkFind(b *testing.B) {
	for _, bench := range []struct{ name, text string }{
		{"path", "/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c"},
		{"message", "the request took longer than usual"},
		{"sql", "select id, workspace, resource_id from drift where account_id = $1 and status = $2 order by detected_at desc limit 50"},
		{"policy", `{"Statement":[{"Action":["s3:GetObject"],"Effect":"Allow","Resource":"arn:aws:s3:::bucket/*"}],"Version":"2012-10-17"}`},
		{"script", strings.Repeat("#!/bin/sh\nexport PASSWORD=correct-horse\nexec web --port 8080 --name 12\n", 20)},
		{"worst brackets", strings.Repeat("[", 1<<16)},
		{"worst brackets, quoted", strings.Repeat(`["`, 1<<15)},
		{"worst equals", strings.Repeat("a=", 1<<15)},
		{"worst names", strings.Repeat("passwor=", 1<<13)},
		{"worst colons", strings.Repeat("token: x ", 1<<13)},
		{"worst URLs", strings.Repeat("://a:b", 1<<13)},
		{"worst connection strings", strings.Repeat("password=", 1<<12) + strings.Repeat(";", 1<<14)},
		{"worst PEM", strings.Repeat("-----BEGIN PRIVATE KEY", 1<<12)},
		{"worst pairs", strings.Repeat(`{"name":"x","value":`, 100) + `"y"` + strings.Repeat("}", 100)},
		{"worst YAML", strings.Repeat("name: x\nvalue: y\n", 1<<12)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(bench.text)))
			b.ReportAllocs()
			o := &Options{Prose: true}
			for b.Loop() {
				Find(bench.text, o)
			}
		})
	}
}

// worst are texts that make each reader look far, n times.
func worst(n int) []string {
	var all []string
	for _, unit := range []string{
		"[", "{", `["`, `{"a":`, `{"a":"`, "a=", "passwor=", "password=", "password= ", "token: x ", "token:", "://a:b", "://", "password=x;", ";password=",
		"-----BEGIN PRIVATE KEY", "-----BEGIN ", "--password ", "mysql -p", "curl -u ", "Bearer ", "Basic aaaa ", "eyJ.", "eyJaaaaaaaa.aaaaa", `\`, `"`, `\"`, "AKIAAAAAAAAAAAAAAAAA ", "password='", "password=\"\\",
		"\nname: x\nvalue: y", "\npassword:\n  x", "\n- a: b", "\n  a:", " a", "[redacted", "https://a/hook", "hook/", "password=,", "password=(", "a b c = ", "\npassword=a b=", "::", "\na: b: c",
		"{a: b", "{a: {", "{a: ", "{a: b{", "{a: '", "{a: \"", "{a, ", "'a,", "{name: x, value: y}", "{a: [", "{password: x, ", "{value: ",
		"%25", "%3D", "&amp;", "&#x26;", "&lt;a&gt;", `\\\"`, "%22&quot;", "<a>", "</a>", "<a b=\"", "<a b='c' ", "<password>", "<key>", "<![CDATA[", "<a><name>password</name><value>", "$1$", "$2a$10$aaaaaaaaaaaaaaaaaaaaaaa ",
		"password is ", "passphrase is a ", "identified by '", "PASSWORD '", "PASSWORD $$", "set password for ", "key is ", "password+is+", "login a password ", "password to ", "secret ", "password**: ", "cGFzc3dvcmQ9 ", "cGFzc3dvcmQ9", "H4sIAAAAAAAA/", b64("x=%25&amp;") + " ", "a+%26",
	} {
		all = append(all, strings.Repeat(unit, n/len(unit)), "{"+strings.Repeat(unit, n/len(unit))+"}", "password=x\n"+strings.Repeat(unit, n/len(unit)),
			fmt.Sprintf("{%q:%q}", "a", strings.Repeat(unit, n/len(unit)/2)))
	}
	return all
}

func BenchmarkFind_worst(b *testing.B) {
	texts := worst(1 << 16)
	b.ReportAllocs()
	b.SetBytes(int64(len(texts) << 16))
	for b.Loop() {
		for _, text := range texts {
			Find(text, &Options{})
		}
	}
}

// TestFind_memory_is_bounded: a text that is made to be costly takes some times its size. Mutations: no maxDepth, no maxLevel.
func TestFind_memory_is_bounded(t *testing.T) {
	const size = 1 << 18
	for _, text := range worst(size) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		Find(text, &Options{})
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; taken > 64*size {
			t.Errorf("%.40q takes %d bytes for each of its own", text, taken/size)
		}
	}
}

// TestFind_work_is_bounded: however often a text is encoded, what is read of the texts inside it is some times its length, and what
// is left unread is masked.
//
// Mutations: afford that never refuses; one that refuses and masks nothing.
func TestFind_work_is_bounded(t *testing.T) {
	const size = 1 << 15
	tried := 0
	check := func(text string) {
		t.Helper()
		tried++
		done := 0
		Find(text, &Options{Work: &done})
		if done > workFactor*len(text)+workFloor {
			t.Errorf("%.40q: %d bytes were read of each", text, done/len(text))
		}
	}
	for _, text := range worst(size) {
		check(text)
	}
	bomb := b64(zipped(strings.Repeat("a ", size) + "password=x"))
	check(bomb)
	if got := Text(bomb); got != Mask {
		t.Errorf("what is too large unpacked is shown: %.100s", got)
	}
	many := strings.Repeat("%2525252522+token+expired+", 1000) + "%2525253Dpassword%2525253Dswordfishes"
	check(many)
	if got := Text(many); strings.Contains(got, "swordfishes") {
		t.Error("what is not read for its cost is shown")
	}
	t.Logf("tried: %d texts", tried)
}

// TestFind_reads_deep_YAML_once: what is given the secrets is not more than some times the text. Mutation: go on after maxDepth.
func TestFind_reads_deep_YAML_once(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		b.WriteString(strings.Repeat(" ", i) + "k:\n")
	}
	told := 0
	Find(b.String(), &Options{Found: func(secret string) { told += len(secret) }})
	if told == 0 || told > 4*b.Len() {
		t.Errorf("%d bytes of secrets in a text of %d", told, b.Len())
	}
}

// TestFind_costs_no_memory_without_a_hint: it is on the path of each message and attribute of a log.
func TestFind_costs_no_memory_without_a_hint(t *testing.T) {
	o := &Options{Prose: true}
	for _, text := range []string{"/api/v1/drifts/0af76519-16cd-43dd-8448-eb211c80319c", "the request took longer than usual", "GET", ""} {
		if n := testing.AllocsPerRun(10, func() { Find(text, o) }); n != 0 {
			t.Errorf("%q: %g allocations", text, n)
		}
	}
}
