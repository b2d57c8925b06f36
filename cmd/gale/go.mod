module github.com/galeweb/gale/cmd/gale

go 1.26

require (
	github.com/galeweb/gale v0.0.0
	github.com/galeweb/gale/drivers v0.0.0
)
