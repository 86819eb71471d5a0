package chromadir

import "keepsake/internal/record"

// batches is how many there are: one each with who reads, who spells and who takes
// the lines, and one that waits.
const batches = 4

// pipeline reads rows and spells them as lines, each on a goroutine of its own and ahead of
// who takes the lines. They come in the order in which they were read.
type pipeline struct {
	free    chan *batch // to be filled; who has used a batch puts it back
	filled  chan *batch
	spelled chan *batch // closed after the last, or one with an error
	quit    chan struct{}
}

// newPipeline starts to read with fill, which says whether there is more.
func newPipeline(fill func(*batch) (more bool)) *pipeline {
	p := &pipeline{
		free: make(chan *batch, batches), filled: make(chan *batch, batches), spelled: make(chan *batch, batches),
		quit: make(chan struct{}),
	}
	for range batches {
		p.free <- &batch{}
	}
	go p.read(fill)
	go p.spell()
	return p
}

func (p *pipeline) read(fill func(*batch) (more bool)) {
	defer close(p.filled)
	for {
		b := p.take()
		if b == nil {
			return
		}
		b.reset()
		more := fill(b)
		large := len(b.body) > keptBytes
		p.filled <- b
		if !more || large && !p.settle() {
			return
		}
	}
}

// take returns a batch to be filled, nil when no more are wanted.
func (p *pipeline) take() *batch {
	select {
	case b := <-p.free:
		return b
	case <-p.quit:
		return nil
	}
}

// settle waits until all batches are used: a large row shall be the only one that is
// held. It is false when no more are wanted.
func (p *pipeline) settle() bool {
	var all [batches]*batch
	for i := range all {
		if all[i] = p.take(); all[i] == nil {
			return false
		}
		all[i].reset() // lets go of large ones
	}
	for _, b := range all {
		p.free <- b
	}
	return true
}

func (p *pipeline) spell() {
	defer close(p.spelled)
	var scanner record.Scanner
	for b := range p.filled {
		if err := b.spell(&scanner); err != nil {
			b.err = err
		}
		p.spelled <- b
	}
}

// stop ends the goroutines and waits for them.
func (p *pipeline) stop() {
	close(p.quit)
	for range p.spelled { // closed when both have ended
		continue
	}
}
