package plan

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// worstCases are plans of one resource, or of one list, that are made to cost redaction much. n is how large.
var worstCases = map[string]func(n int) string{
	"secrets of two characters": func(n int) string {
		values := repeated(n, `"k%d":"ab"`)
		masks := repeated(n, `"k%d":true`)
		return drifted(update("a", `{"m":{`+values+`}}`, `{"m":{}}`, `"before_sensitive":{"m":{`+masks+`}}`))
	},
	"lists against a list of masks": func(n int) string {
		masks := `[` + repeated(n/4, `{"a%d":[{"b":true}]}`) + `]`
		return drifted(update("a", `{"l":[`+repeated(n/4, `[[%d],[1,2]]`)+`]}`, `{"l":[`+repeated(n/8, `[[%d],[1]]`)+`]}`, `"before_sensitive":{"l":[`+masks+`]}`))
	},
	"nested masks that cover nothing": func(n int) string {
		masks := strings.Repeat("[", 80) + repeated(n/2, `{"a%d":false}`) + strings.Repeat("]", 80)
		values := strings.Repeat("[", 80) + repeated(n/4, `[%d]`) + strings.Repeat("]", 80)
		return drifted(update("a", `{"l":`+values+`}`, `{"l":`+values[1:len(values)-1]+`}`, `"before_sensitive":{"l":`+masks+`}`))
	},
	"a long key over many members": func(n int) string {
		key := strings.Repeat("k", 2*n)
		return drifted(update("a", `{"m":{"`+key+`":{`+repeated(1000, `"v%d":1`)+`}}}`, `{"m":{"`+key+`":{`+repeated(1000, `"v%d":2`)+`}}}`))
	},
	"sensitive outputs": func(n int) string {
		return strings.TrimSuffix(drifted(update("a", `{"v":1}`, `{"v":2}`)), "}") + `,"prior_state":{"values":{"outputs":{` +
			repeated(n, `"o%d":{"sensitive":true,"value":"a-secret-of-its-own-%d"}`) + `}}}}`
	},
	"the start of secrets everywhere": func(n int) string {
		secret := strings.Repeat("A", 500)
		return drifted(update("m", `{"v":"`+secret+`b"}`, `{}`, `"before_sensitive":{"v":true}`), update("a", `{"v":"`+strings.Repeat("A", n*4)+`"}`, `{}`))
	},
	"documents in documents": func(n int) string {
		doc := `{"password":"x"}`
		for range 12 {
			doc = `{"a":` + quoted(doc) + `}`
		}
		return drifted(update("a", `{"l":[`+repeatedWith("@", 20, quoted(strings.Repeat(`{"a":"`, n/10)))+`,`+quoted(doc)+`]}`, `{}`))
	},
	"escapes": func(n int) string {
		return drifted(update("m", `{"v":"masked-text"}`, `{}`, `"before_sensitive":{"v":true}`), update("a", `{"v":"`+strings.Repeat(`\\\"%25+`, n/2)+`"}`, `{}`))
	},
	"texts in base64": func(n int) string {
		return drifted(update("a", `{"l":[`+repeatedWith("@", n/8, `"`+base64.StdEncoding.EncodeToString([]byte("just a text of a value, with a: b"))+`"`)+`]}`, `{}`))
	},
	"texts in base64 of base64": func(n int) string {
		text := "a: b, c=d"
		for range 6 {
			text = base64.StdEncoding.EncodeToString([]byte(text))
		}
		return drifted(update("a", `{"l":[`+repeatedWith("@", n/16, `"`+text+`@"`)+`]}`, `{}`))
	},
	"gzip in base64": func(n int) string {
		return drifted(update("a", `{"l":[`+repeatedWith("@", n/16, `"`+zipped(strings.Repeat("a: b ", 60))+`"`)+`]}`, `{}`))
	},
	"entities": func(n int) string {
		return drifted(update("a", `{"v":"`+strings.Repeat(`&amp;amp;quot;a=b`, n/4)+`"}`, `{}`))
	},
	"percent signs": func(n int) string {
		return drifted(update("a", `{"v":"`+strings.Repeat(`%25252522+a%3D`, n/4)+`"}`, `{}`))
	},
	"elements": func(n int) string {
		return drifted(update("a", `{"v":"`+strings.Repeat(`<a><password><b c='d'>`, n/6)+`"}`, `{}`))
	},
	"sentences": func(n int) string {
		return drifted(update("a", `{"v":"`+strings.Repeat(`password is the key of `, n/6)+`"}`, `{}`))
	},
	"lines of secrets": func(n int) string {
		return drifted(update("a", `{"user_data":"`+strings.Repeat(`#line of a script 0123456789\nx=aaaaaaaaaaaaaaaaaaaaaaaaaa\n`, n/40)+`"}`, `{}`))
	},
}

// zipped is a text as base64 of gzip.
func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestRead_worst_memory: what one resource, or list, makes the reader take of memory grows with its size and no faster. What is
// counted is all that was allocated, which bounds what was held, and the work of the parts that keep what they find.
//
// Mutations: merge that merges again for each list; covers that looks at masks again; a path that repeats a long key; encodings of a
// secret that are kept.
func TestRead_worst_memory(t *testing.T) {
	for name, plan := range worstCases {
		t.Run(name, func(t *testing.T) {
			taken := func(n int) (float64, int) {
				raw := plan(n)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				if _, err := Read(t.Context(), strings.NewReader(raw), Options{Key: testKey}); err != nil {
					t.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				return float64(after.TotalAlloc - before.TotalAlloc), len(raw)
			}
			taken(1000)
			small, _ := taken(10_000)
			large, size := taken(40_000)
			if large > 6*small+8<<20 {
				t.Errorf("four times the size takes %.1f times the memory", large/small)
			}
			t.Logf("%.0f bytes for each of %d", large/float64(size), size)
		})
	}
}

func BenchmarkRead_worst_redaction(b *testing.B) {
	for name, plan := range worstCases {
		for _, n := range []int{10_000, 40_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				raw := plan(n)
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Read(b.Context(), strings.NewReader(raw), Options{Key: testKey}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
