package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"keepsake/internal/memory"
	"keepsake/internal/quantity"
)

// meter draws progress. It satisfies store.Progress. Every style shares the
// counting; only draw and its interval differ.
type meter struct {
	w     io.Writer
	now   func() time.Time
	every time.Duration
	draw  func(m *meter, last bool) string

	mu      sync.Mutex
	phase   string
	section memory.Section
	total   int64
	rows    int64
	bytes   int64
	began   time.Time
	drawn   time.Time
	shown   bool
	timer   *time.Timer // draws when nothing advances: a server may take its time
}

// newMeter returns a meter in the style auto, plain or none; nil draws nothing.
func newMeter(w io.Writer, style string, terminal, asJSON bool, now func() time.Time) *meter {
	m := &meter{w: w, now: now}
	switch {
	case style == "none":
		return nil
	case asJSON && (style == "plain" || terminal):
		m.every, m.draw = 10*time.Second, drawJSON
	case style == "plain":
		m.every, m.draw = 10*time.Second, drawPlain
	case terminal && !asJSON:
		m.every, m.draw = 100*time.Millisecond, drawLine
	default:
		return nil
	}
	return m
}

// Begin starts a phase.
func (m *meter) Begin(phase string, section memory.Section, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.phase, m.section, m.total = phase, section, total
	m.rows, m.bytes, m.began = 0, 0, now
	if m.drawn.IsZero() {
		m.drawn = now
	}
	m.show(now)
	m.stop()
	m.timer = time.AfterFunc(m.every, m.tick)
}

// tick draws a phase that doesn't advance.
func (m *meter) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer == nil {
		return // the phase ended meanwhile
	}
	m.show(m.now())
	m.timer.Reset(m.every)
}

func (m *meter) stop() {
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
}

// Advance counts.
func (m *meter) Advance(rows, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows += rows
	m.bytes += bytes
	m.show(m.now())
}

// End draws the phase's last state, if it was drawn at all.
func (m *meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stop()
	if m.shown {
		m.write(true)
	}
	m.shown = false
}

func (m *meter) show(now time.Time) {
	if now.Sub(m.drawn) < m.every {
		return
	}
	m.drawn, m.shown = now, true
	m.write(false)
}

// write is deaf to errors: a terminal that went away must not end a backup.
func (m *meter) write(last bool) { _, _ = io.WriteString(m.w, m.draw(m, last)) }

func (m *meter) rate() (perSecond float64, left time.Duration) {
	elapsed := m.now().Sub(m.began).Seconds()
	if elapsed <= 0 || m.rows == 0 {
		return 0, -1
	}
	perSecond = float64(m.bytes) / elapsed
	if m.total <= 0 || m.rows > m.total {
		return perSecond, -1
	}
	seconds := elapsed / float64(m.rows) * float64(m.total-m.rows)
	return perSecond, time.Duration(seconds * float64(time.Second))
}

func (m *meter) text() string {
	rate, left := m.rate()
	s := fmt.Sprintf("%-5s %-22s %s", m.phase, m.section, quantity.Count(m.rows))
	if m.total > 0 {
		s += " of " + quantity.Count(m.total)
	}
	s += " rows, " + quantity.Size(m.bytes)
	if rate > 0 {
		s += ", " + quantity.Size(int64(rate)) + "/s"
	}
	if left >= time.Second {
		s += ", " + left.Round(time.Second).String() + " left"
	}
	return s
}

// drawLine redraws one line and, at the end, wipes it: what stays on the
// screen is the result.
func drawLine(m *meter, last bool) string {
	if last {
		return "\r\x1b[K"
	}
	line := m.text()
	if len(line) > 79 {
		line = line[:79]
	}
	return "\r\x1b[K" + line
}

func drawPlain(m *meter, last bool) string {
	if last {
		return m.text() + ", done\n"
	}
	return m.text() + "\n"
}

func drawJSON(m *meter, last bool) string {
	rate, left := m.rate()
	line, err := json.Marshal(map[string]any{
		"progress": m.phase, "section": m.section, "rows": m.rows, "total": m.total,
		"bytes": m.bytes, "bytesPerSecond": int64(rate), "secondsLeft": int64(left.Seconds()), "done": last,
	})
	if err != nil {
		return ""
	}
	return string(line) + "\n"
}
