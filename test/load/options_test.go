package load

import (
	"strings"
	"testing"
	"time"
)

func whole() Options {
	return Options{
		API: []string{"http://127.0.0.1:3001"}, Realtime: []string{"http://[::1]:3002"}, Duration: time.Minute,
		Rates: Rates{List: 5}, Sockets: 1, Connections: 1, PlanSize: 1,
	}
}

func TestOptions_are_bounded(t *testing.T) {
	if err := whole().check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Options)
		want  string
	}{
		"another host":                {func(o *Options) { o.Realtime[0] = "http://192.0.2.1:3002" }, "-allow 192.0.2.1"},
		"another host than the other": {func(o *Options) { o.API = append(o.API, "http://192.0.2.1"); o.Allow = []string{"192.0.2.2"} }, "-allow 192.0.2.1"},
		"no URL":                      {func(o *Options) { o.API[0] = "localhost:3001" }, `"localhost:3001" is not a URL`},
		"too long":                    {func(o *Options) { o.Duration = 2 * time.Hour }, "at most 1h"},
		"too many requests":           {func(o *Options) { o.Rates[Get] = MaxRate }, "requests a second are too many"},
		"too many decisions":          {func(o *Options) { o.Rates[Approve] = MaxRate / 2 }, "decisions are too many"},
		"too many sockets":            {func(o *Options) { o.Sockets = MaxSockets + 1 }, "50001 sockets"},
		"sockets to nowhere":          {func(o *Options) { o.Realtime = nil }, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole()
			c.spoil(&o)
			if err := o.check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v", err)
			}
		})
	}
	o := whole()
	o.API[0], o.Allow = "http://192.0.2.1", []string{"192.0.2.1"}
	if err := o.check(t.Context()); err != nil {
		t.Errorf("an allowed host is refused: %v", err)
	}
}

func TestRate_Set(t *testing.T) {
	for text, want := range map[string]Rate{"5": 5, "5/s": 5, "300/m": 5, "0": 0, "30/m": 0.5} {
		var r Rate
		if err := r.Set(text); err != nil || r != want {
			t.Errorf("%s is %v, %v", text, float64(r), err)
		}
		var again Rate
		if err := again.Set(r.String()); err != nil || again != want {
			t.Errorf("%s prints as %s", text, &r)
		}
	}
	for _, text := range []string{"", "x", "5/h", "-1/s", "NaN", "1e9/s"} {
		if err := new(Rate).Set(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
