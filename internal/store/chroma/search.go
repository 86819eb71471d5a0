package chroma

import (
	"context"
	"fmt"
	"net/http"

	"keepsake/internal/memory"
	"keepsake/internal/store"
)

// searchAtOnce is how many vectors go into one request: 20 of 4,096 numbers are
// about a megabyte.
const searchAtOnce = 20

// Search implements store.Searcher: the answers are those of the server's index,
// which finds most of the nearest rows, not always all.
func (s *Server) Search(ctx context.Context, section memory.Section, vectors [][]float32, k int) ([][]string, error) {
	defer s.client.close()
	name, _, err := s.reachFor(ctx, section)
	if err != nil {
		return nil, err
	}
	found, err := s.client.find(ctx, name)
	if err == nil && found == nil {
		err = store.ErrAbsent
	}
	var answers [][]string
	for len(vectors) > 0 && err == nil {
		n := min(len(vectors), searchAtOnce)
		var some [][]string
		some, err = s.client.search(ctx, found.ID, vectors[:n], k)
		answers, vectors = append(answers, some...), vectors[n:]
	}
	if err != nil {
		return nil, s.failed("search", section, err, store.ErrUnreadable)
	}
	return answers, nil
}

// search asks for ids alone.
func (c *client) search(ctx context.Context, id string, vectors [][]float32, k int) ([][]string, error) {
	question := struct {
		Vectors [][]float32 `json:"query_embeddings"`
		Rows    int         `json:"n_results"`
		Include []string    `json:"include"`
	}{vectors, k, []string{}}
	var answer struct {
		IDs [][]string `json:"ids"`
	}
	r := request{what: "search", method: http.MethodPost, path: c.rows(id, "query")}
	if err := c.call(ctx, r, question, &answer); err != nil {
		return nil, err
	}
	if len(answer.IDs) != len(vectors) {
		return nil, fmt.Errorf("search: the server answered %d of %d questions", len(answer.IDs), len(vectors))
	}
	return answer.IDs, nil
}

var _ store.Searcher = (*Server)(nil)
