"""How dbt can fail, each with what to do next."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError


class DbtFailed(BisyncError):
    code = "dbt-failed"
    message = _("dbt %(command)s failed: %(words)s. The output of this run shows what came before.")


class ArtifactUnreadable(BisyncError):
    code = "dbt-artifact"
    message = _(
        "What dbt wrote cannot be read: %(words)s. Bisync reads what dbt Core 1.8 and later write: "
        "look at the project's dbt executable."
    )


class DbtNotInstalled(BisyncError):
    code = "dbt-not-installed"
    message = _(
        "There is no dbt at %(executable)s. Install it there, or correct the project's dbt executable."
    )


class DbtNotAllowed(BisyncError):
    code = "dbt-not-allowed"
    message = _(
        "Bisync may not start %(executable)s. Leave the dbt executable empty, or let an operator list its "
        "full path in BISYNC_DBT_EXECUTABLES."
    )
    http_status = 422


class DbtUnsupported(BisyncError):
    code = "dbt-unsupported"
    message = _(
        "%(executable)s is %(version)s; Bisync works with dbt Core from %(oldest)s on, below %(limit)s."
    )


class DbtProjectMissing(BisyncError):
    code = "dbt-no-project"
    message = _("There is no dbt_project.yml in %(folder)s. %(elsewhere)s")
    http_status = 422


class NoDbtProject(BisyncError):
    code = "dbt-no-project-found"
    message = _(
        "There is no dbt_project.yml on branch %(branch)s. Choose the branch that the dbt project is on, or "
        "commit one, then try again."
    )
    http_status = 422


class DbtSyntaxError(BisyncError):
    """`file` and `line` say where, as far as dbt knows: empty and 0 where it does not."""

    code = "dbt-syntax"
    message = _("dbt cannot read %(place)s: %(words)s. Correct it in the repository, then try again.")
    http_status = 422

    @classmethod
    def at(cls, file: str, line: int, words: str) -> DbtSyntaxError:
        """The error in one line of a file."""
        place = gettext("%(file)s (line %(line)s)") % {"file": file, "line": line} if line else file
        return cls(file=file, line=line, place=place, words=words)


class DbtPathOutside(BisyncError):
    code = "dbt-path-outside"
    message = _(
        "%(key)s in %(file)s is “%(path)s”, and there Bisync lets dbt do nothing. Name a folder inside the "
        "repository, in plain words without a template, then try again."
    )
    http_status = 422


class DbtLinkOutside(BisyncError):
    code = "dbt-link-outside"
    message = _(
        "%(file)s is a link that leads out of the repository, so dbt would read files that are not the "
        "project's. Use the package without it."
    )
    http_status = 422


class DbtPackageRefused(BisyncError):
    code = "dbt-package-refused"
    message = _(
        "%(file)s lists the package %(source)s, which Bisync does not fetch: %(why)s. Commit it under "
        "dbt_packages, or list it from another place."
    )
    http_status = 422


class DbtPythonModel(BisyncError):
    code = "dbt-python-model"
    message = _(
        "%(file)s is a Python model: on DuckDB it would run on Bisync's own machine, with its rights. Write "
        "it in SQL, or let an operator allow such models by BISYNC_PYTHON_MODELS."
    )
    http_status = 422


class DbtEnvVarMissing(DbtSyntaxError):
    code = "dbt-env-var-missing"
    message = _(
        "%(place)s asks for the environment variable %(name)s, which is not set. Add it to the environment's "
        "variables, or give env_var() a default."
    )


class DbtEnvVarReserved(BisyncError):
    code = "dbt-env-var-reserved"
    message = _(
        "The environment variable %(name)s steers dbt itself and cannot be set here. Choose another name."
    )
    http_status = 422


class DbtSelectionInvalid(BisyncError):
    code = "dbt-selection-invalid"
    message = _("%(selection)s is not a selection of dbt: it must not begin with a dash.")
    http_status = 422


class DbtPackagesMissing(BisyncError):
    code = "dbt-packages-missing"
    message = _(
        "These packages are not installed: %(packages)s. %(words)s. Commit them under dbt_packages, list "
        "them as local packages, or let this machine reach where they come from."
    )
    http_status = 422


class DbtBuildFailed(BisyncError):
    """`nodes` lists unique_id, name, status, message and failing rows of what failed."""

    code = "dbt-build-failed"
    message = _("%(count)s of %(total)s nodes failed: %(summary)s")
    http_status = 422


class DbtCompileFailed(BisyncError):
    code = "dbt-compile-failed"
    message = _("dbt cannot make the SQL of %(node)s: %(words)s.")
    http_status = 422


class DbtTimeout(BisyncError):
    code = "dbt-timeout"
    message = _(
        "dbt %(command)s was stopped after %(minutes)s minutes. Build less at once, or raise "
        "BISYNC_DBT_TIMEOUT_SECONDS."
    )
    http_status = 504


class DbtParseTimeout(DbtTimeout):
    code = "dbt-parse-timeout"
    message = _(
        "dbt had not read the project after %(minutes)s minutes, so it was stopped. Look for a loop in a "
        "template, or for YAML aliases that multiply. A project that really is so large needs a higher "
        "BISYNC_PARSE_TIMEOUT_SECONDS."
    )


class DbtOutgrown(BisyncError):
    code = "dbt-outgrown"
    message = _(
        "dbt needed more than %(megabytes)s MB to read the project, so it was stopped. Look for a template "
        "that repeats something, or for YAML aliases that multiply. A project that really is so large needs "
        "a higher BISYNC_PARSE_MEMORY_MB."
    )
    http_status = 422


class DbtCancelled(BisyncError):
    code = "dbt-cancelled"
    message = _("dbt %(command)s was stopped together with its run.")
    http_status = 409
