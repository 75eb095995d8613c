package plan

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spread makes a plan of about size bytes of entries that are as large as one may be. entry makes the i-th.
func spread(size int, entry func(i int) string) string {
	var entries []string
	for length, i := 0, 0; length < size; i++ {
		e := entry(i)
		entries = append(entries, e)
		length += len(e)
	}
	return drifted(entries...)
}

// known are the inputs that have been slow, or took much memory, before. Each is of about size bytes.
func known(size int) map[string]string {
	cases := worst(size)
	for name, input := range worstCases {
		const n = 10_000
		one := input(min(n*(size/64)/(len(input(n))/64), 4*n))
		head, tail := drifted()[:strings.Index(drifted(), "[")+1], "]}"
		if body, ok := strings.CutSuffix(strings.TrimPrefix(one, head), tail); ok && len(one) < size/2 {
			var entries []string
			for i := range size / len(body) {
				number := strconv.Itoa(i)
				entries = append(entries, strings.NewReplacer(`"aws_thing.a"`, `"aws_thing.a`+number+`"`, `"aws_thing.m"`, `"aws_thing.m`+number+`"`).Replace(body))
			}
			one = drifted(entries...)
		}
		cases[name] = one
	}
	cases["world-open CIDRs and a long port"] = spread(size, func(i int) string {
		world := func(port string) string {
			return `{"ingress":[{"port":"` + port + `","cidr_blocks":[` + repeatedWith("@", 8000, `"0.0.0.0/0"`) + `]}]}`
		}
		return update("a"+strconv.Itoa(i), world(strings.Repeat("1", 400<<10)), world(strings.Repeat("2", 400<<10)))
	})
	cases["keys of 200 KB over 1,000 members"] = spread(size, func(i int) string {
		members := func(v string) string {
			return `{"` + strings.Repeat("k", 200<<10) + `":{` + repeated(1000, `"m%d":`+v) + `}}`
		}
		return update("a"+strconv.Itoa(i), members("1"), members("2"))
	})
	cases["modules of 300 KB over 1,000 resources"] = `{"format_version":"1.2","errored":false,"configuration":{"root_module":{"module_calls":{` +
		repeated(size/(370<<10), `"%d`+strings.Repeat("m", 300<<10)+`":{"module":{"resources":[`+strings.Repeat(`{"mode":"managed","type":"a","name":"b"},`, 999)+`{"mode":"managed","type":"a","name":"b"}]}}`) + `}}}}`
	cases["160,000 sensitive outputs"] = strings.TrimSuffix(drifted(update("a", `{"v":1}`, `{"v":2}`)), "}") + `,"prior_state":{"values":{"outputs":{` +
		repeated(min(size/50, 120_000), `"o%d":{"sensitive":true,"value":"a-secret-%d"}`) + `}}}}`
	cases["120,000 secrets of two characters"] = spread(size, func(i int) string {
		n := 40_000
		return update("a"+strconv.Itoa(i), `{"m":{`+repeated(n, `"k%d":"ab"`)+`}}`, `{"m":{}}`, `"before_sensitive":{"m":{`+repeated(n, `"k%d":true`)+`}}`)
	})
	return cases
}

// cpu is the processor time that the process has taken.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkRead_bounds reads each worst input beside an ordinary plan of the same size, in turns, and reports the ratio of
// the processor time that a byte takes.
func BenchmarkRead_bounds(b *testing.B) {
	const size = 8 << 20
	ordinary := string(generate(size, 100))
	drifting := string(generate(size, 1))
	cases := known(size)
	cases["every resource drifted"] = drifting
	for name, raw := range cases {
		b.Run(name, func(b *testing.B) {
			var took [2]time.Duration
			refused := 0
			for b.Loop() {
				for i, text := range [...]string{ordinary, raw} {
					start := cpu()
					_, err := Read(b.Context(), strings.NewReader(text), Options{Key: testKey})
					took[i] += cpu() - start
					if _, known := errors.AsType[*Error](err); err != nil && !known {
						b.Fatal(err)
					}
					if err != nil {
						refused++
					}
				}
			}
			perByte := func(i int, text string) float64 { return float64(took[i]) / float64(b.N) / float64(len(text)) }
			b.ReportMetric(perByte(0, ordinary)*size/1e6, "ordinary-ms")
			b.ReportMetric(perByte(1, raw)*size/1e6, "ms")
			b.ReportMetric(perByte(1, raw)/perByte(0, ordinary), "ratio")
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(raw))/(1<<20), "MB")
			b.ReportMetric(float64(refused)/float64(b.N), "refused")
		})
	}
}
