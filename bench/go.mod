module github.com/galeweb/gale/bench

go 1.26

require (
	github.com/galeweb/gale v0.0.0
	github.com/galeweb/gale/drivers v0.0.0
	github.com/galeweb/gale/cmd/gale v0.0.0
)

replace (
	github.com/galeweb/gale => ../
	github.com/galeweb/gale/drivers => ../drivers
	github.com/galeweb/gale/cmd/gale => ../cmd/gale
)
