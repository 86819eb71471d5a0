//go:build bench

package bench_test

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// report is the table, and grows while the run goes on.
type report struct {
	lines []line
}

// line compares a figure with another of the same run, or with a fixed one.
type line struct {
	what     string
	measured string
	against  string
	ratio    float64 // 0 is none: the figure stands for itself
	bound    float64 // 0 is none
	least    bool    // the ratio shall be at least the bound, else at most
}

// figure is a line without a comparison.
func (r *report) figure(what, measured string) {
	r.lines = append(r.lines, line{what: what, measured: measured})
}

// times compares two durations. A bound of 0 is none.
func (r *report) times(what string, measured, with time.Duration, name string, bound float64) {
	r.durations(what, measured, with, name, bound, seconds)
}

// millis compares two short durations.
func (r *report) millis(what string, measured, with time.Duration, name string, bound float64) {
	r.durations(what, measured, with, name, bound, millis)
}

func (r *report) durations(what string, measured, with time.Duration, name string, bound float64, show func(time.Duration) string) {
	r.lines = append(r.lines, line{
		what: what, measured: show(measured), against: show(with) + ", " + name,
		ratio: measured.Seconds() / with.Seconds(), bound: bound,
	})
}

// sizes compares two numbers of bytes. A bound of 0 is none; a measure of 0 was
// not to be had from the system.
func (r *report) sizes(what string, measured, with int64, name string, bound float64) {
	if measured == 0 {
		r.figure(what, "not known on "+runtime.GOOS)
		return
	}
	r.lines = append(r.lines, line{
		what: what, measured: mebibytes(measured), against: mebibytes(with) + ", " + name,
		ratio: float64(measured) / float64(with), bound: bound,
	})
}

// rate compares megabytes a second with what is wanted at least.
func (r *report) rate(what string, bytes int64, in time.Duration, wanted float64, name string) {
	reached := float64(bytes) / 1e6 / in.Seconds()
	r.lines = append(r.lines, line{
		what: what, measured: fmt.Sprintf("%.0f MB/s", reached), against: fmt.Sprintf("%.0f MB/s, %s", wanted, name),
		ratio: reached / wanted, bound: 1, least: true,
	})
}

func (l line) cells() []string {
	ratio, bound, ok := "", "", ""
	if l.ratio != 0 {
		ratio = fmt.Sprintf("%.2f", l.ratio)
	}
	if l.bound != 0 {
		sign, met := "≤", l.ratio <= l.bound
		if l.least {
			sign, met = "≥", l.ratio >= l.bound
		}
		bound, ok = fmt.Sprintf("%s %.2f", sign, l.bound), "no"
		if met {
			ok = "yes"
		}
	}
	return []string{l.what, l.measured, l.against, ratio, bound, ok}
}

// write prints the table as Markdown, with what is needed to judge it.
func (r *report) write(w io.Writer, o options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d cores, %s, %s/%s. %s rows, where not said otherwise, and %s graph elements. "+
		"The ratio is measured ÷ compared with; what is wanted in seconds is scaled to these sizes.\n\n",
		runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH, o.shape, count(o.elements))
	b.WriteString("| what | measured | compared with | ratio | bound | ok? |\n")
	b.WriteString("|---|---:|---|---:|---:|---|\n")
	for _, l := range r.lines {
		b.WriteString("| " + strings.Join(l.cells(), " | ") + " |\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func millis(d time.Duration) string { return fmt.Sprintf("%.0f ms", d.Seconds()*1000) }

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

// count prints 12345 as "12,345".
func count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
