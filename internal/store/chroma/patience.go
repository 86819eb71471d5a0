package chroma

import (
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// mostGiven is how many requests in a row may be given up before no more are made.
const mostGiven = 3

// patience is how much longer a server may be silent to one request, all its tries
// together. What sends is waited for; what was given up is given a moment, and after
// mostGiven none: each of many requests would wait as long as the first did.
type patience struct {
	client *client
	first  bool
	once   time.Duration // that a try may be silent
	left   time.Duration
	spent  time.Duration
}

func (c *client) patience(r request) *patience {
	p := &patience{client: c, first: r.first, once: or(r.silence, c.silence), left: c.timeout}
	if n := c.given.Load(); n > 0 && !r.first {
		p.left = min(c.brief, c.timeout)
		if n >= mostGiven {
			p.left = 0
		}
	}
	return p
}

// try makes one try and counts its silence.
func (p *patience) try(do func(silence time.Duration) error) error {
	if p.left <= 0 {
		return backoff.Permanent(&transportError{silentError{p.client.timeout}})
	}
	silence := min(p.once, p.left)
	err := do(silence)
	if !errors.As(err, new(silentError)) {
		if !p.first && !unanswered(err) {
			p.client.given.Store(0)
		}
		return err
	}
	p.left -= silence
	p.spent += silence
	if p.left > 0 {
		return err
	}
	if !p.first {
		p.client.given.Add(1)
	}
	return backoff.Permanent(&transportError{silentError{p.spent}})
}
