package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/driftsentry/driftsentry/test/internal/replica"
)

// patience bounds every test. Only a failing one comes near it, even beside all others under the race detector.
const patience = 12 * time.Minute

var programs replica.Programs

func TestMain(m *testing.M) { replica.Main(m, &programs) }

// startBrowser starts a Chromium; its first tab is the one of the context.
func startBrowser(ctx context.Context, t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		const message = "NOT RUN: no chromium on the PATH (Debian: apt-get install chromium)"
		fmt.Fprintln(os.Stderr, message)
		t.Skip(message)
	}
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.IgnoreCertErrors, chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(patience),
	})
	allocated, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	tab, closeTab := chromedp.NewContext(allocated)
	t.Cleanup(closeTab)
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	return tab
}
