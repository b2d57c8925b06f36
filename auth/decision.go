package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/galeweb/gale/router"
)

// Public marks routes that are for everybody, and says why, such as "assets" or
// "sign-in page". It lets every request through; see [CheckRoutes].
func Public(reason string) func(http.Handler) http.Handler {
	if reason == "" {
		panic("auth: Public without a reason; say why everybody may")
	}
	return func(next http.Handler) http.Handler { return guard("public: "+reason, next.ServeHTTP) }
}

// CheckRoutes finds routes for which nobody decided who may make the request:
// those without a guard ([Auth.Required], [Auth.Require], [Auth.RequireRecent])
// or [Public] as their handler or in a Use around them. Call it once all routes
// are there, also those of Mount. In production it returns an error that names
// each; otherwise each is a warning to logger, and the error is nil.
func CheckRoutes(r *router.Router, production bool, logger *slog.Logger) error {
	var errs []error
	for route := range r.Routes() {
		if route.Decision != "" {
			continue
		}
		if production {
			errs = append(errs, fmt.Errorf("%q%s, registered at %s", route.Pattern, called(route.Name), route.Location))
			continue
		}
		logger.LogAttrs(context.Background(), slog.LevelWarn, "auth: nobody decided who may use this route; put a guard or auth.Public around it",
			slog.String("route", route.Pattern), slog.String("name", route.Name), slog.String("at", route.Location))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("auth: nobody decided who may use these routes; put a guard or auth.Public around each:\n%w", errors.Join(errs...))
}

func called(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", name)
}
