package plan

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
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

// TestRead_work: what comparing takes is linear in the input, whatever that is. It is counted in values and bytes looked
// at, and in bytes allocated, not in time.
func TestRead_work(t *testing.T) {
	const size = 1 << 20
	for name, raw := range worst(size) {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := Read(t.Context(), strings.NewReader(raw), Options{Key: testKey})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if perByte := float64(p.work) / float64(len(raw)); perByte > maxWork {
				t.Errorf("%.1f values and bytes were looked at for each byte", perByte)
			}
			if perByte := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(raw)+size); perByte > 64 {
				t.Errorf("%.1f bytes were allocated for each byte", perByte)
			}
		})
	}
}

// maxWork is how much is looked at for each byte of an input. Half of it is known to be reached.
const maxWork = 32

// TestRead_memory: a single resource takes at most four times its size and 32 MiB. What the collector finds alive counts; the
// samples may miss what is short.
func TestRead_memory(t *testing.T) {
	values := func(n int, value string) string { return `{"l":[` + repeated(n, value) + `]}` }
	large := strings.Repeat("x", 7<<20)
	for name, raw := range map[string]string{
		"small":                            drifted(update("a", `{"a":1}`, `{"a":2}`)),
		"many small values":                drifted(update("a", values(maxValues-100, "7"), `{}`)),
		"many small values, on both sides": drifted(update("a", values(maxValues/2-100, "7"), values(maxValues/2-100, "8"))),
		"many blocks":                      drifted(update("a", values(maxValues/6-100, `{"a":%d,"b":[]}`), values(maxValues/6-100, `{"b":[],"a":"%d"}`))),
		"escapes": drifted(update("m", `{"v":"masked-text"}`, `{}`, `"before_sensitive":{"v":true}`),
			update("a", `{"v":"`+strings.Repeat(`\\\"%25+`, 12<<20/10)+`"}`, `{}`)),
		"a long text":              drifted(update("a", `{"a":"`+large+`"}`, `{"a":"`+large+`x"}`)),
		"a large document":         drifted(update("a", `{"a":`+quoted(values(maxValues/2-100, "%d"))+`}`, `{"a":`+quoted(values(maxValues/2-100, "1%d"))+`}`)),
		"values that are left out": drifted(update("a", values(900_000, `"7%d"`), `{}`)),
		"secrets that are left out": drifted(update("a", values(140_000, `7`), `{"m":{`+repeated(20_000, `"k%d":"a-secret-of-its-own-%d"`)+`}}`,
			`"before_sensitive":{"m":true}`)),
		"a deep value":    drifted(update("a", `{"a":`+strings.Repeat(`{"a":[`, 4000)+`1`+strings.Repeat("]}", 4000)+`}`, `{}`)),
		"many long texts": drifted(update("a", values(7000, `"`+large[:1000]+`%d"`), values(7000, `"`+large[:1000]+`1%d"`))),
	} {
		t.Run(name, func(t *testing.T) {
			limit := int64(4*len(raw) + 32<<20)
			used := liveWhileReading(t, raw)
			// The collector also counts memory that was allocated while it ran, so a measurement can only be too high.
			for range 2 {
				if used > limit {
					used = min(used, liveWhileReading(t, raw))
				}
			}
			if used > limit {
				t.Errorf("%d MiB for %d MiB", used>>20, len(raw)>>20)
			} else {
				t.Logf("%d MiB for %d MiB", used>>20, len(raw)>>20)
			}
		})
	}
}

// liveWhileReading is how many bytes the collector found alive, at most, while the plan was read.
func liveWhileReading(t *testing.T, raw string) int64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	start := heap()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := uint64(0)
		for {
			select {
			case <-done:
				peak <- most
				return
			default:
				most = max(most, heap())
				runtime.Gosched()
			}
		}
	}()
	_, err := Read(t.Context(), strings.NewReader(raw), Options{Key: testKey})
	close(done)
	most := <-peak
	if err != nil {
		t.Fatal(err)
	}
	return int64(most) - int64(start)
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func BenchmarkRead_worst_comparison(b *testing.B) {
	for name, raw := range worst(1 << 20) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Read(b.Context(), strings.NewReader(raw), Options{Key: testKey}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
