"""What the page itself says, in French where the recording is in French, else in English."""

TEXTS = {
    "en": {
        "back": "Back to the spoken word",
        "close": "Close",
        "help": "Help",
        "keys": "Keys",
        "key_back": "5 seconds back or on",
        "key_close": "close this, end the search",
        "key_faster": "slower, faster",
        "key_help": "this help",
        "key_hit": "next, previous place found",
        "key_play": "play or pause",
        "key_search": "search",
        "next": "Next",
        "no_audio": "The sound cannot be played: it is expected in a file audio.flac in the same "
        "folder as this page.",
        "no_speech": "No speech.",
        "not_sure": "not sure",
        "player": "Recording",
        "previous": "Previous",
        "said": "Transcript",
        "search": "Search",
        "several": "somebody else speaks too",
        "space": "Space",
        "speakers": "Speakers",
        "speed": "Speed",
        "timeline": "Who speaks when; position in the recording",
        "tip": "Click on a word to go there.",
    },
    "fr": {
        "back": "Revenir au mot prononcé",
        "close": "Fermer",
        "help": "Aide",
        "keys": "Touches",
        "key_back": "reculer ou avancer de 5 secondes",
        "key_close": "fermer cette aide, quitter la recherche",
        "key_faster": "ralentir, accélérer",
        "key_help": "cette aide",
        "key_hit": "résultat suivant, précédent",
        "key_play": "lecture ou pause",
        "key_search": "rechercher",
        "next": "Suivant",
        "no_audio": "Le son ne peut pas être lu : il est attendu dans un fichier audio.flac, dans "
        "le même dossier que cette page.",
        "no_speech": "Aucune parole.",
        "not_sure": "incertain",
        "player": "Enregistrement",
        "previous": "Précédent",
        "said": "Transcription",
        "search": "Rechercher",
        "several": "une autre personne parle en même temps",
        "space": "Espace",
        "speakers": "Intervenants",
        "speed": "Vitesse",
        "timeline": "Qui parle quand ; position dans l’enregistrement",
        "tip": "Cliquez sur un mot pour y aller.",
    },
}


def texts_in(language: str | None) -> tuple[str, dict[str, str]]:
    """The language of the page itself for a recording in that language, and its words.

    >>> texts_in("fr")[0], texts_in("ja")[0], texts_in(None)[1]["search"]
    ('fr', 'en', 'Search')
    """
    chosen = language if language in TEXTS else "en"
    return chosen, TEXTS[chosen]
