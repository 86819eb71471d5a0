package graph

// OnStep has the graph call do before each step of what changes it.
func OnStep(g *Graph, do func(name string)) { g.step = do }
