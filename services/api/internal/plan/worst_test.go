package plan

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// worst are inputs of about size bytes that are made to take long, or much memory.
func worst(size int) map[string]string {
	n := func(element string) int { return min(max(size/(len(element)+6), 1), maxValues/3) }
	list := func(element string) string { return "[" + repeated(n(element), element) + "]" }
	// Several resources, each as large as one may be.
	many := func(before, after string, rest ...string) string {
		one := update("a0", before, after, rest...)
		entries := make([]string, min(max(size/len(one), 1), 50_000))
		for i := range entries {
			entries[i] = strings.ReplaceAll(one, "a0", "a"+strconv.Itoa(i))
		}
		return drifted(entries...)
	}
	part := func(element string, share int) string {
		return "[" + repeated(min(size/share/(len(element)+6), maxValues/4), element) + "]"
	}
	nest := func(depth int, inner string) string {
		return strings.Repeat(`[1,`, depth) + inner + strings.Repeat(`]`, depth)
	}
	world := func(port string) string {
		return `{"ingress":[{"port":"` + port + `","cidr_blocks":[` + repeatedWith("@", 8000, `"0.0.0.0/0"`) + `]}]}`
	}
	key := strings.Repeat("k", size/40)
	members := func(value string) string {
		return `{"` + key + `":{` + repeated(1000, `"m%d":`+value) + `}}`
	}
	object := func(value string) string { return `{` + repeated(min(size/26, 40_000), `"k%d":`+value) + `}` }
	doc := func(inner string) string { return `{"d":` + quoted(inner) + `}` }
	deepDoc := func(inner string) string {
		for range 12 {
			inner = `{"d":` + quoted(inner) + `}`
		}
		return inner
	}
	return map[string]string{
		"every value of an object":    many(object("1"), object("2")),
		"numbers in another form":     many(`{"l":`+part("1%d.0", 4)+`}`, `{"l":`+part("1%d", 4)+`}`),
		"a list turned round":         many(`{"l":[0,`+part("%d", 4)[1:]+`}`, `{"l":`+strings.TrimSuffix(part("%d", 4), "]")+`,0]}`),
		"a list of other members":     many(`{"l":`+part("1%d", 4)+`}`, `{"l":`+part("2%d", 4)+`}`),
		"lists of one":                many(`{"l":`+part("[%d]", 4)+`}`, `{"l":`+part("[%d,1]", 4)+`}`),
		"blocks with keys":            many(`{"l":`+part(`{"name":"n%d","v":1}`, 4)+`}`, `{"l":`+part(`{"name":"n%d","v":2}`, 4)+`}`),
		"blocks without keys":         many(`{"l":`+part(`{"v":"n%d","w":1}`, 4)+`}`, `{"l":`+part(`{"v":"n%d","w":2}`, 4)+`}`),
		"lists in lists":              many(`{"l":`+nest(90, part("%d", 4))+`}`, `{"l":`+nest(90, part("1%d", 4))+`}`),
		"lists in lists, one differs": many(`{"l":`+nest(90, part("%d", 4))+`}`, `{"l":`+nest(90, strings.Replace(part("%d", 4), "7", "8", 1))+`}`),
		"documents":                   many(doc(object("1")), doc(object("2"))),
		"a document of lists":         many(doc(`{"l":`+part("[%d]", 8)+`}`), doc(`{"l":`+part("[%d,1]", 8)+`}`)),
		"documents in documents":      many(deepDoc(strings.Repeat("x", 100)), deepDoc(strings.Repeat("y", 100))),
		"many documents":              many(`{"l":`+part(`"{\"a\":%d}"`, 4)+`}`, `{"l":`+part(`"{\"a\":1%d}"`, 4)+`}`),
		"a policy turned round":       many(doc(`{"Statement":`+part(`{"Action":["a%d","b"]}`, 8)+`}`), doc(`{"Statement":[{"Action":"x"},`+part(`{"Action":["b","a%d"]}`, 8)[1:]+`}`)),
		"world-open CIDRs, one port":  drifted(update("a", world(strings.Repeat("1", size/20)), world(strings.Repeat("2", size/20)))),
		"a long key over members":     drifted(update("a", members("1"), members("2"))),
		"long names in addresses":     `{"format_version":"1.2","errored":false,"resource_drift":[` + repeated(20, `{"address":"module.`+strings.Repeat("m", size/40)+`.a.b%d","type":"a","change":{"actions":["update"],"before":{"a":1},"after":{}}}`) + `]}`,
		"a long module name": `{"format_version":"1.2","errored":false,"configuration":{"root_module":{"module_calls":{"` + strings.Repeat("m", size/3) + `":{"module":{"resources":[` +
			repeated(1000, `{"mode":"managed","type":"a","name":"b%d"}`) + `]}}}}}}`,
		"many tags":  many(`{"tags":{"tag":`+object("1")+`}}`, `{"tags":{"tag":`+object("2")+`}}`),
		"many lines": strings.Repeat("x\n", size/4) + drifted() + strings.Repeat("\ny", size/4),
		"one list":   drifted(update("a", `{"l":`+list("%d")+`}`, `{}`)),
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(0, &u)
	return time.Duration(u.Utime.Nano())
}

func TestZZMeasure(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	size := 8 << 20
	cases := worst(size)
	cases["ordinary"] = string(generate(size, 1))
	cases["ordinary, 1 of 100"] = string(generate(size, 100))
	for name, raw := range cases {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := cpu()
		p, err := Read(t.Context(), bytes.NewReader([]byte(raw)), Options{Key: testKey})
		took := cpu() - start
		runtime.ReadMemStats(&after)
		work := 0
		if p != nil {
			work = p.work
		}
		msg := ""
		if err != nil {
			msg = err.Error()
		}
		fmt.Printf("%-30s %5.1f MB %6.0f ms/8MB  work/byte %5.1f  alloc/byte %5.1f mallocs/KB %.0f %s\n", name, float64(len(raw))/(1<<20), float64(took.Milliseconds())*8*(1<<20)/float64(len(raw)), float64(work)/float64(len(raw)),
			float64(after.TotalAlloc-before.TotalAlloc)/float64(len(raw)), float64(after.Mallocs-before.Mallocs)*1024/float64(len(raw)), msg)
	}
}
