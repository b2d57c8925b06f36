module github.com/galeweb/gale/drivers

go 1.26

require github.com/galeweb/gale v0.0.0
