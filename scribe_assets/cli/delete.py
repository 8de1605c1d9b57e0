"""The command that removes a recording: `delete`."""

from scribe_assets.cli.app import Key, User, Yes, confirmed, out, stopped_with
from scribe_assets.errors import StackError
from scribe_assets.keys import ANY_USER

END_SECONDS = 60.0
"""For runs that are cancelled; most end within seconds."""


def delete(key: Key, user: User = ANY_USER, yes: Yes = False) -> None:
    """Delete a recording: the upload with its options, all results, its runs in Dagster.

    People who were enrolled from it stay enrolled; 'scribe forget' removes them.
    """
    from scribe_assets.artifacts.formats.plain import visible
    from scribe_assets.instance import removal
    from scribe_assets.instance.config import open_instance
    from scribe_assets.library import deletion
    from scribe_assets.library.recordings import find_recording
    from scribe_assets.local import stack
    from scribe_assets.local.runs import cancel
    from scribe_assets.settings import Settings
    from scribe_assets.storage.s3 import S3Storage

    settings = Settings.load()
    with stack.s3_alone(settings), open_instance(settings) as instance:
        storage = S3Storage.from_settings(settings)
        ref = find_recording(storage, key, user)
        found = deletion.find_all(storage, ref)
        name = visible(found.key)
        runs = len(removal.runs_of(instance, ref))
        confirmed(
            f"Delete {name}, the {len(found.results)} files that were made of it, "
            f"and its {runs} runs? There is no way back.",
            is_sure=yes,
        )
        with stopped_with("stopped in the middle; the same command does the rest"):
            running = stack.find(settings.home)
            if running:  # of a stack that does not run, no run goes on
                for run in removal.under_way(instance, ref):
                    cancel(running, run.run_id)
                if not removal.wait_for_ends(instance, ref, END_SECONDS):
                    raise StackError(
                        f"a run of {name} does not end; cancel it in Dagster's UI at "
                        f"{running.ui_url}, then try again"
                    )
            gone = deletion.delete(storage, ref, lambda: removal.remove(instance, ref))
    for item in gone.uploads:
        out.print(f"deleted {visible(item.uri)}", markup=False)
    out.print(f"deleted {len(gone.results)} files made of it, {runs} runs", markup=False)
